"""Three real NATS servers that form one JetStream cluster, for tests. Any of them may be killed and started again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Self

from voicepipe_local.data_dir import LOOPBACK, free_port

SERVER = Path(sys.executable).with_name("nats-server")
SIZE = 3
CONFIGURATION = """\
server_name: {name}
listen: "{host}:{port}"
jetstream {{ store_dir: "{store}" }}
cluster {{ name: voicepipe, listen: "{host}:{route}", routes: [{routes}] }}
"""


class NatsCluster:
    """A context manager. Nodes are named n0, n1, n2, as the server reports leaders."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        ports: set[int] = set()
        while len(ports) < 2 * SIZE:
            ports.add(free_port(frozenset(ports)))
        chosen = sorted(ports)
        self._ports = {f"n{number}": chosen[number] for number in range(SIZE)}
        self._routes = {f"n{number}": chosen[SIZE + number] for number in range(SIZE)}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        for name in self._ports:
            self.start(name)
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self._running):
            self.kill(name)

    def url(self, name: str) -> str:
        return f"nats://{LOOPBACK}:{self._ports[name]}"

    def node_of(self, url: str) -> str:
        """The name of the node at an address that a client reports."""
        return next(name for name, port in self._ports.items() if url.endswith(f":{port}"))

    def start(self, name: str) -> None:
        """Return at once: clients wait for the server themselves."""
        configuration = self._folder / f"{name}.conf"
        routes = ", ".join(f'"nats://{LOOPBACK}:{port}"' for port in self._routes.values())
        configuration.write_text(
            CONFIGURATION.format(
                name=name,
                host=LOOPBACK,
                port=self._ports[name],
                store=self._folder / name,
                route=self._routes[name],
                routes=routes,
            ),
            encoding="utf-8",
        )
        with (self._folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen([SERVER, "-c", configuration], stderr=log)

    def kill(self, name: str) -> None:
        process = self._running.pop(name)
        process.kill()
        process.wait()
