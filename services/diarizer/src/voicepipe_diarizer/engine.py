"""Runs the pipeline in a process that can be ended at any moment, and starts that process again when it has ended.

Invariants:

- At most one recording at a time. Leaving the block of `run` before its result is there kills the process, and waits for that:
  nothing reads the samples any more, and the worker can hand the recording back at once.
- A process that has failed, or that was killed, diarizes nothing more: `keep_loaded` starts a new one. Loading takes some
  seconds, mostly for imports.
- `is_ready` is false while no process has a loaded model, so that the worker pulls nothing.

A recording hangs if its process reports nothing for `stall_timeout_s`; after the embeddings, for that plus a tenth of the
recording: the clustering reports nothing, and takes 37 s for three hours. Then the process is killed.

Races:

- The process dies while it is idle: `keep_loaded` waits for that, and starts another.
- It dies between `is_ready` and `run`: the run fails like one whose process dies, which spends a delivery.
- The worker is killed: the kernel kills the process with it (`pipeline_process`).
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import IO, Any, Self

import structlog
from voicepipe_wire import aio
from voicepipe_wire.transcript.turns import Diarization, DiarizedBy
from voicepipe_wire.watchdog import HUNG, TASK_FAILURES

from .messages import ANSWER_BYTES, Limits

log = structlog.get_logger(__name__)

HUNG.labels("diarize")  # exported as 0 from the start: Prometheus cannot see the first increase of a new series
RELOAD_DELAY_S = 10.0
CLUSTERING_SHARE = 0.1  # of the length of the recording


class ModelUnusable(Exception):
    """There is no model, or this version cannot run it. The message is for the operator."""


class DiarizationFailed(Exception):
    """The pipeline failed, or its process died."""


class DiarizationHung(Exception):
    """The process reported no progress for too long, and was killed."""


class Run:
    """One recording. `result` is the task whose result are the turns; `done` the share of the work, in [0, 1]."""

    def __init__(self, process: _Process, stall_timeout_s: float, duration_s: float) -> None:
        self._process = process
        self._stall_timeout_s = stall_timeout_s
        self._clustering_s = duration_s * CLUSTERING_SHARE
        self.done = 0.0
        self.result: asyncio.Task[Diarization]

    @property
    def diarized_by(self) -> DiarizedBy:
        return self._process.model

    async def follow(self) -> Diarization:
        while True:
            silence_s = self._stall_timeout_s + (self._clustering_s if self.done >= 1.0 else 0.0)
            try:
                async with asyncio.timeout(silence_s):
                    message = await self._process.receive()
            except TimeoutError:
                raise self._hung(silence_s) from None
            if "result" in message:
                return Diarization.from_json(message["result"])
            if "failed" in message:
                raise DiarizationFailed(message["failed"])
            self.done = max(self.done, message["done"])

    def _hung(self, silence_s: float) -> DiarizationHung:
        HUNG.labels("diarize").inc()
        log.error("diarization hangs, ending its process", no_progress_for_s=silence_s, done=round(self.done, 3))
        return DiarizationHung(f"no progress for {silence_s:.0f} s, at {self.done:.0%}")


class Engine:
    """See the module. `load` comes first, then `keep_loaded` runs beside the worker, and `aclose` comes last."""

    def __init__(self, stall_timeout_s: float) -> None:
        self._stall_timeout_s = stall_timeout_s
        self._process: _Process | None = None
        self._missing = "the model is being loaded"

    @property
    def is_ready(self) -> bool:
        return self._process is not None and self._process.is_running

    async def check(self) -> None:
        """Readiness check.

        Raises:
            ConnectionError: no process has a loaded model; the message has the reason.
        """
        if not self.is_ready:
            raise ConnectionError(self._missing)

    async def load(self) -> DiarizedBy:
        """Start the process and load the model, which takes seconds, or minutes from the hub.

        Raises:
            ModelUnusable: as described there.
        """
        self._process = await _Process.start()
        return self._process.model

    async def keep_loaded(self, stop: asyncio.Event) -> None:
        """Start a new process whenever there is none, until `stop` is set."""
        while not stop.is_set():
            if self._process is not None:
                await aio.until(stop, self._process.ended())
                if not stop.is_set():
                    self._missing = "the model is being loaded again"
                    ended, self._process = self._process, None
                    await ended.kill()  # only to release what belongs to it
                continue
            try:
                model = await self.load()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next try may succeed
                TASK_FAILURES.labels("load_model").inc()
                self._missing = f"{type(error).__name__}: {error}"[:300]
                log.warning("model not loaded, retrying", reason=self._missing, delay_s=RELOAD_DELAY_S)
                await aio.pause(stop, RELOAD_DELAY_S)
            else:
                log.info("model loaded again", model=model.name, revision=model.revision)

    @asynccontextmanager
    async def run(self, samples: IO[bytes], duration_s: float, limits: Limits) -> AsyncIterator[Run]:
        """Diarize the float32 samples of an open file, `duration_s` long.

        Raises:
            DiarizationFailed: there is no process, now or any more, or the pipeline failed.
            DiarizationHung: as described there.
        """
        process = self._process
        if process is None or not process.is_running:
            raise DiarizationFailed(self._missing)
        process.send(limits, samples)
        run = Run(process, self._stall_timeout_s, duration_s)
        try:
            async with aio.background(run.follow()) as run.result:
                yield run
        finally:
            if run.result.cancelled() or run.result.exception() is not None:
                await process.kill()

    async def aclose(self) -> None:
        if self._process is not None:
            await self._process.kill()


class _Process:
    """A process of `pipeline_process` that has loaded the model."""

    def __init__(self, process: asyncio.subprocess.Process, requests: socket.socket, model: DiarizedBy) -> None:
        self._process = process
        self._requests = requests
        self.model = model

    @classmethod
    async def start(cls) -> Self:
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", f"{__package__}.pipeline_process", str(os.getpid())),
                stdin=theirs.fileno(),
                stdout=asyncio.subprocess.PIPE,
                limit=ANSWER_BYTES,
                start_new_session=True,  # a signal to the group of the worker must not end a recording in hand
            )
        started = cls(process, ours, DiarizedBy("", ""))
        try:
            message = await started.receive()
        except BaseException:
            await started.kill()
            raise
        if "unusable" in message:
            await started.kill()
            raise ModelUnusable(message["unusable"])
        started.model = DiarizedBy(**message["loaded"])
        return started

    @property
    def is_running(self) -> bool:
        return self._process.returncode is None

    async def ended(self) -> None:
        await self._process.wait()

    def send(self, limits: Limits, samples: IO[bytes]) -> None:
        try:
            socket.send_fds(self._requests, [limits.to_request()], [samples.fileno()])
        except OSError as error:
            raise DiarizationFailed("the pipeline process has ended") from error

    async def receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None  # noqa: S101
        line = await self._process.stdout.readline()
        if not line:
            code = await self._process.wait()
            reason = signal.Signals(-code).name if code < 0 else f"status {code}"
            raise DiarizationFailed(f"the pipeline process ended with {reason}")
        message: dict[str, Any] = json.loads(line)
        return message

    async def kill(self) -> None:
        """End it at once, and wait until it has ended. Does nothing to one that has."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._requests.close()
        await aio.finish(self._process.wait())
