"""Runs a process of Voicepipe from a copy of its code, and starts it again when a file of the copy changes.

The images are read only, so `skaffold dev` cannot change their code. dev.yaml mounts this file into the pods and puts its folder on
PYTHONPATH: Python imports a module of this name before anything else. Neither the images nor the chart know of it.
"""

# ruff: noqa: INP001, T201 - a program: no package, and it prints into the log of its pod

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

IMAGE_CODE = Path("/app")
CODE = Path("/tmp/code")  # noqa: S108 - the scratch volume of the pod, where skaffold.yaml copies files to
POLL_S = 0.5
STOP_S = 10

Versions = dict[Path, int]


class Supervisor:
    """Runs `command` with `code` as its PYTHONPATH."""

    def __init__(self, command: list[str], code: Path) -> None:
        self._command = command
        self._code = code
        self._stopping = False

    def run(self) -> int:
        """Returns the exit status of the process after SIGTERM, or when it ended by itself without an error."""
        signal.signal(signal.SIGTERM, self._stop)
        while True:
            seen = versions(self._code)
            process = subprocess.Popen(self._command, env={**os.environ, "PYTHONPATH": str(self._code)})
            while process.poll() is None and not self._is_over(seen):
                time.sleep(POLL_S)
            if process.returncode == 0:
                return 0
            if process.returncode is not None:
                print(f"The process ended with {process.returncode}. It starts again when a file changes.", flush=True)
            while not self._is_over(seen):
                time.sleep(POLL_S)
            status = end(process)
            if self._stopping:
                return status
            print("A file has changed: the process starts again.", flush=True)

    def _is_over(self, seen: Versions) -> bool:
        return self._stopping or versions(self._code) != seen

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping = True


def versions(code: Path) -> Versions:
    """The time of the last change of every file."""
    return {path: changed for path in code.rglob("*.py") if (changed := _changed_ns(path)) is not None}


def end(process: subprocess.Popen[bytes]) -> int:
    process.terminate()
    try:
        return process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def copied(source: Path, target: Path) -> Path:
    """Copies a folder, unless an earlier container of the pod has: its copy has the changes."""
    if not target.exists():
        draft = target.with_name(f"{target.name}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(source, draft)
        draft.rename(target)
    return target


def _changed_ns(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:  # deleted meanwhile
        return None


# Only the process of the container: not what it starts, and not what somebody runs beside it.
if os.getpid() == 1:
    status = Supervisor([sys.executable, *sys.orig_argv[1:]], copied(IMAGE_CODE, CODE)).run()
    # Python imports this module while it starts, so it cannot end in the ordinary way.
    os._exit(status if status >= 0 else 128 - status)
