"""The one folder that holds everything a stack knows: ports, secrets, logs and the data of every component."""

from __future__ import annotations

import json
import os
import random
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"

# Below the range from which Linux takes the local ports of outgoing connections (32768 and up): a port from there may be
# in use at the next start by somebody's connection.
_PORTS = range(20_000, 32_000)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port(taken: frozenset[int] = frozenset()) -> int:
    """A loopback TCP port that nobody listens on now."""
    while True:
        port = random.choice(_PORTS)
        if port not in taken and is_free(port):
            return port


@dataclass(frozen=True, slots=True)
class DataDir:
    """A data folder. What it remembers is chosen once, so that a second start is like the first."""

    path: Path

    @classmethod
    def at(cls, path: Path) -> DataDir:
        data_dir = cls(path.resolve())
        data_dir.logs.mkdir(parents=True, exist_ok=True)
        return data_dir

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def log(self, component: str) -> Path:
        return self.logs / f"{component}.log"

    def folder(self, name: str) -> Path:
        path = self.path / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def private_folder(self, name: str) -> Path:
        """What lies there, other users of this machine must not read."""
        path = self.folder(name)
        path.chmod(0o700)
        return path

    def port(self, name: str) -> int:
        """The port for `name`, the same at every call."""
        ports: dict[str, int] = self._load("ports.json")
        if name not in ports:
            ports[name] = free_port(frozenset(ports.values()))
            self._save("ports.json", ports)
        return ports[name]

    def forget_ports_in_use(self) -> None:
        """Before a start: a port that somebody else has taken meanwhile is chosen anew."""
        ports: dict[str, int] = self._load("ports.json")
        self._save("ports.json", {name: port for name, port in ports.items() if is_free(port)})

    def secret(self, name: str) -> str:
        """A password for `name`, made at the first call."""
        known: dict[str, str] = self._load("secrets.json")
        if name not in known:
            known[name] = secrets.token_hex(16)
            self._save("secrets.json", known)
        return known[name]

    def write_private(self, name: str, text: str) -> Path:
        """Write a file that only this user can read; readers see the old text or the new, never a component."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        return draft.replace(path)

    def _load(self, name: str) -> dict[str, Any]:
        path = self.path / name
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}

    def _save(self, name: str, values: object) -> None:
        self.write_private(name, json.dumps(values, indent=2) + "\n")
