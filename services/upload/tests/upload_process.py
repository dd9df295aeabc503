"""Runs upload in its own process, on real servers."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field

import httpx


@dataclass
class Process:
    env: dict[str, str]
    port: int
    grpc_port: int
    popen: subprocess.Popen[bytes] | None = None
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        env = (
            os.environ
            | self.env
            | self.extra
            | {
                "VOICEPIPE_HTTP_PORT": str(self.port),
                "VOICEPIPE_GRPC_PORT": str(self.grpc_port),
            }
        )
        self.popen = subprocess.Popen([sys.executable, "-m", "voicepipe_upload"], env=env)
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            if self.popen.poll() is not None:
                raise RuntimeError(f"upload ended with {self.popen.returncode}")
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/readyz").is_success:
                    return
            time.sleep(0.05)
        raise RuntimeError("upload did not start in time")

    def kill(self) -> None:
        """SIGKILL: no chance to clean up."""
        if self.popen is not None:
            self.popen.kill()
            self.popen.wait()

    def stop(self) -> int:
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(30)
