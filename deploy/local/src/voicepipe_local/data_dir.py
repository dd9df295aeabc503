"""The data directory of a stack: its ports and secrets, its logs, and the data of every component."""

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

# Below Linux's ephemeral port range (32768 and up): an outgoing connection could occupy a port from there at the next
# start.
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
    """A loopback TCP port that is not in use now and not in `taken`."""
    while True:
        port = random.choice(_PORTS)
        if port not in taken and is_free(port):
            return port


@dataclass(frozen=True, slots=True)
class DataDir:
    """A data directory. Ports and secrets are chosen once and saved, so every start uses the same ones."""

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
        """A folder that other users of this machine cannot read."""
        path = self.folder(name)
        path.chmod(0o700)
        return path

    def port(self, name: str) -> int:
        """The port of `name`, the same at every call."""
        ports: dict[str, int] = self._load("ports.json")
        if name not in ports:
            ports[name] = free_port(frozenset(ports.values()))
            self._save("ports.json", ports)
        return ports[name]

    def forget_ports_in_use(self) -> None:
        """Forget the ports that another process has taken since the last start, so that new ones are chosen."""
        ports: dict[str, int] = self._load("ports.json")
        self._save("ports.json", {name: port for name, port in ports.items() if is_free(port)})

    def secret(self, name: str) -> str:
        """The password of `name`, generated at the first call."""
        known: dict[str, str] = self._load("secrets.json")
        if name not in known:
            known[name] = secrets.token_hex(16)
            self._save("secrets.json", known)
        return known[name]

    def write_private(self, name: str, text: str) -> Path:
        """Write a file that only this user can read, atomically: readers see the old text or the new one."""
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
