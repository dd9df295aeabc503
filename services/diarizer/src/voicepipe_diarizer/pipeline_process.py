"""The process that holds the model and runs the pipeline, one recording at a time: `python -m voicepipe_diarizer.pipeline_process`.

A process of its own, because only a process can be ended from outside at any moment: the clustering of a long recording takes
minutes and looks at nothing meanwhile. `engine` starts it, talks to it (`messages`), and kills it.

It never outlives the worker: the kernel kills it when the worker dies, and it ends when its stdin is closed.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

from .engine import ModelUnusable
from .messages import REQUEST_BYTES, Limits, encode
from .model import Model, load
from .run import run
from .settings import Settings

REPORT_EVERY_S = 0.2
PR_SET_PDEATHSIG = 1  # linux/prctl.h

Send = Callable[[dict[str, Any]], None]


def main() -> int:
    _die_with_the_worker(int(sys.argv[1]))
    send = _only_writer_to_stdout()
    try:
        model = load(Settings())
    except ModelUnusable as error:
        send({"unusable": str(error)})
        return 0
    send({"loaded": {"name": model.name, "revision": model.revision}})
    with socket.socket(fileno=sys.stdin.fileno()) as requests:
        while True:
            request, descriptors, _, _ = socket.recv_fds(requests, REQUEST_BYTES, 1)
            if not request:
                return 0
            (samples,) = descriptors
            try:
                send(_answer(model, samples, Limits.from_request(request), send))
            finally:
                os.close(samples)


def _answer(model: Model, samples: int, limits: Limits, send: Send) -> dict[str, Any]:
    try:
        # The mapping ends with its last user, the tensor.
        waveform = torch.frombuffer(mmap.mmap(samples, 0), dtype=torch.float32)[None]
        return {"result": run(model.pipeline, waveform, limits, _Reports(send)).to_json()}
    except Exception as error:  # noqa: BLE001 - the worker decides; it starts a new process after any error
        return {"failed": f"{type(error).__name__}: {error}"[:500]}


class _Reports:
    """Sends the progress a few times a second, and always its end."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._next_s = 0.0

    def __call__(self, done: float) -> None:
        now_s = time.monotonic()
        if now_s >= self._next_s or done == 1.0:
            self._next_s = now_s + REPORT_EVERY_S
            self._send({"done": done})


def _only_writer_to_stdout() -> Send:
    """Write messages to stdout, and send everything that a library prints to stderr."""
    messages = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def send(message: dict[str, Any]) -> None:
        rest = memoryview(encode(message))
        while rest:
            rest = rest[messages.write(rest) :]

    return send


def _die_with_the_worker(worker: int) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != worker:
        os._exit(1)  # it died before the setting took effect


if __name__ == "__main__":
    sys.exit(main())
