"""A stack for tests: it ends with the process that started it, and a test can kill any part of it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import gateway, nats, objectstore, postgres, topology
from .data_dir import DataDir
from .objectstore import ObjectStore
from .stack import Stack


class DisposableStack(Stack):
    """A whole pipeline that belongs to a test.

    Component names are those in `ps`: `nats`, `postgres`, `s3`, `triton-accurate`, `upload`, `status`, `prepare`,
    `transcribe-accurate`, `assemble`, `controller`, `gateway`. The second process of `transcribe` is `transcribe-accurate-2`.
    """

    def __init__(
        self, data: Path, workers: Mapping[str, int], env: Mapping[str, str], *, autoscale: bool = False
    ) -> None:
        super().__init__(data)
        self.workers = dict(workers)
        self.env = dict(env)
        self.autoscale = autoscale
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def data_dir(self) -> DataDir:
        return DataDir.at(self.data)

    @property
    def url(self) -> str:
        return gateway.url(self.data_dir)

    @property
    def api_key(self) -> str:
        return (self.data / topology.API_KEY).read_text(encoding="utf-8").strip()

    @property
    def headers(self) -> dict[str, str]:
        """Headers that authenticate a request as the first user."""
        return {"Authorization": f"Bearer {self.api_key}"}

    @property
    def database_url(self) -> str:
        return postgres.url(self.data_dir, topology.DATABASE)

    @property
    def nats_url(self) -> str:
        return nats.url(self.data_dir)

    @property
    def object_store(self) -> ObjectStore:
        return objectstore.store(self.data_dir)

    def up(self) -> None:
        """Start with the same data, workers and variables as before; return when every component is healthy."""
        self._guard = self.start(self.workers, env=self.env, lifeline=True, autoscale=self.autoscale)

    def down(self) -> None:
        """Stop the components in order, as `make down` does."""
        self.stop()
        self._forget_guard()

    def crash(self) -> None:
        """Kill every process at once, including the supervisor, as a power cut would."""
        self._forget_guard()

    def component(self, name: str) -> dict[str, Any]:
        """One component as in `ps`: state, health, version, address, pid, restarts, memory_bytes, log."""
        return next(component for component in self.ask("ps")["components"] if component["name"] == name)

    def kill(self, name: str) -> None:
        """Kill the process of a component with SIGKILL; the supervisor restarts it after half a second."""
        os.kill(self.component(name)["pid"], signal.SIGKILL)

    def stop_component(self, name: str) -> None:
        """Stop a component; it stays stopped until `start_component`."""
        self._steer("stop", name)

    def start_component(self, name: str) -> None:
        self._steer("start", name)

    def restart(self, name: str) -> None:
        """Stop and start a component as an update would; return when it is healthy."""
        self._steer("restart", name)

    def wait_until_healthy(self, name: str, *, restarts: int = 0, timeout_s: float = 60.0) -> dict[str, Any]:
        """Return when a component is healthy and has been restarted at least `restarts` times."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            component = self.component(name)
            if component["state"] == "up" and component["health"] == "healthy" and component["restarts"] >= restarts:
                return component
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{name} is not healthy: {component}\n{self.log_of(name)[-2000:]}")
            time.sleep(0.1)

    def log_of(self, name: str) -> str:
        return self.data_dir.log(name).read_text(encoding="utf-8", errors="replace")

    def _steer(self, verb: str, name: str) -> None:
        answer = self.ask(verb, component=name)
        if "error" in answer:
            raise RuntimeError(answer["error"])

    def _forget_guard(self) -> None:
        if self._guard and self._guard.stdin:
            with contextlib.suppress(OSError):
                self._guard.stdin.close()
            self._guard.wait()
        self._guard = None
