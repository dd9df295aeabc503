"""Decodes an untrusted file to 16 kHz mono PCM, in a confined child process (`decoder`), with constant memory.

    async with decode(path, wish, limits) as decoding:
        async for block in decoding:
            ...
    decoding.result

An attacker chooses every byte of the file. The file can:

- Make FFmpeg execute code of its own. That code is in the sandbox: it can use CPU and memory up to the limits, and
  write to stdout and stderr, so it can supply any audio and any report. Both are only data here.
- State any length, name or format. The cap applies to decoded samples, not to the stated length; `hint_s` is for
  progress only.
- Stall or flood. `stall_timeout_s` and `timeout_s` bound the wait for the decoder, `cpu_s` and `memory_bytes` bound the child, the pipe
  holds it back while the consumer is busy, and `Report` keeps a bounded part of stderr.

The file cannot:

- Open other files or connections: FFmpeg reads through a file object and may use no protocol (see `decoder.formats`), and the sandbox forbids
  it, as far as the kernel supports that.
- See another recording: each has a process of its own.
- Write to our log: nothing that the child prints is logged.
- Outlive its job: leaving the block, also by an error or by cancellation, kills the process group and reaps the child.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog
from voicepipe_wire import aio
from voicepipe_wire.error_catalogue import MEDIA_FORMATS
from voicepipe_wire.errors import Reject
from voicepipe_wire.watchdog import HUNG

from voicepipe_orchestrator.domain import SAMPLE_BYTES, SAMPLE_RATE, WINDOW

from .decoder_process import BLOCK_BYTES, DecodeLimits, Spare, started
from .report import Found, Report

log = structlog.get_logger(__name__)

HUNG.labels("prepare")  # exported as 0 from the start: Prometheus cannot see the first increase of a new series

Result = TypeVar("Result")

HEAD_BYTES = 16
# zip, rar, 7z, gzip, pdf: FFmpeg searches for frames anywhere, and would find those of an MP3 stored inside
ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06", b"Rar!", b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b", b"%PDF-")


# A stack that cannot grow any more ends like a crash.
LIMIT_SIGNALS: Final = frozenset({-signal.SIGKILL, -signal.SIGXCPU, -signal.SIGSEGV, -signal.SIGBUS})


class DecoderHung(Exception):
    """The decoder gave no output for `stall_timeout_s`. The machine may be the reason, so another try may succeed."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the owner asked for: the number of a track from 1, None for the best one; `channels` is mix, separate or auto."""

    track: int | None = None
    channels: str = "mix"


@dataclass(frozen=True, slots=True)
class Decoded:
    """The result of a decoder that has exited. `confinement` has the measures that took effect."""

    found: Found
    confinement: tuple[str, ...]


@contextlib.asynccontextmanager
async def decode(path: Path, wish: Wish, limits: DecodeLimits, spare: Spare | None = None) -> AsyncIterator[Decoding]:
    """Start to decode the regular file `path`. Other faults of the file are raised when the blocks are read.

    `spare` has a process that has started already, which saves a third of a second.

    Raises:
        Reject: `not_audio`: the first bytes are those of an archive or a document.
        OSError: the file cannot be opened.
    """
    source = os.open(path, os.O_RDONLY)
    try:
        if os.pread(source, HEAD_BYTES, 0).startswith(ARCHIVES):
            raise rejected("not_audio", limits)
        async with started(limits) if spare is None else spare.lend() as child:
            child.send({"track": wish.track, "channels": wish.channels, "max_s": limits.max_audio_s}, source)
            report = Report()
            async with aio.background(report.read(child.process)) as reader:
                yield Decoding(child.process, report, reader, limits)
    finally:
        os.close(source)


async def confinement() -> tuple[str, ...]:
    """The measures of the sandbox that take effect on this machine, from a run of the decoder without a recording.

    Raises:
        OSError: the decoder cannot be started.
    """
    report = Report()
    async with started(DecodeLimits()) as child:
        child.send_nothing()
        await report.read(child.process)
        return report.confinement if await child.process.wait() == 0 else ()


class Decoding:
    """One pass over the PCM: of every voice, one after the other, each padded to `WINDOW` samples.

    `hint_s` is the length of all that will come, as far as the file states it, for progress only; None while unknown.
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        report: Report,
        log_reader: asyncio.Task[None],
        limits: DecodeLimits,
    ) -> None:
        self._process = process
        self._report = report
        self._log_reader = log_reader
        self._limits = limits
        self._remaining_s = limits.timeout_s
        self._samples = 0
        self._result: Decoded | None = None

    @property
    def hint_s(self) -> float | None:
        return self._report.hint_s

    @property
    def result(self) -> Decoded:
        """Available after the last block."""
        if self._result is None:
            raise RuntimeError("the recording has not been read to its end")
        return self._result

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Blocks of `BLOCK_BYTES`, the last one shorter.

        Raises:
            Reject: the file cannot be decoded, or exceeds a limit.
            DecoderHung: as described there.
        """
        max_samples = int(self._limits.max_audio_s * SAMPLE_RATE)
        while block := await self._read():
            self._samples += len(block) // SAMPLE_BYTES
            if self._samples > max_samples + WINDOW * self._report.voices:  # with the padding of each voice
                raise self._error("too_long")
            yield block
        self._result = self._outcome(await self._within_limits(self._process.wait()))

    async def _read(self) -> bytes:
        assert self._process.stdout is not None  # noqa: S101
        try:
            return await self._within_limits(self._process.stdout.readexactly(BLOCK_BYTES))
        except asyncio.IncompleteReadError as end:
            await self._within_limits(self._log_reader)
            return end.partial[: len(end.partial) // SAMPLE_BYTES * SAMPLE_BYTES]

    async def _within_limits(self, waiting: Awaitable[Result]) -> Result:
        """Wait for the decoder.

        Raises:
            Reject: `decode_timeout`; `timeout_s` has been spent on waiting.
            DecoderHung: as described there.
        """
        clock = asyncio.get_running_loop().time
        started_s = clock()
        try:
            async with asyncio.timeout(min(self._remaining_s, self._limits.stall_timeout_s)):
                return await waiting
        except TimeoutError:
            if self._remaining_s <= self._limits.stall_timeout_s:
                raise self._error("decode_timeout") from None
            raise self._hung() from None
        finally:
            self._remaining_s -= clock() - started_s

    def _hung(self) -> DecoderHung:
        HUNG.labels("prepare").inc()
        decoded_s, silent_s = self._samples / SAMPLE_RATE, self._limits.stall_timeout_s
        log.error("decoder hangs, ending it", no_output_for_s=silent_s, decoded_s=decoded_s)
        return DecoderHung(f"no output for {silent_s:.0f} s, after {decoded_s:.0f} s of audio")

    def _outcome(self, exit_code: int) -> Decoded:
        """The result after the decoder has exited."""
        report = self._report
        if exit_code > 0:
            raise RuntimeError(f"the decoder failed (exit code {exit_code})")
        if report.error is not None:
            raise self._error(report.error.code, **report.error.values)
        if report.found is None:
            # It was killed by its limits, or by an error in FFmpeg that the file has caused.
            raise self._error(
                "decode_limit" if exit_code in LIMIT_SIGNALS or not report.confinement else "damaged_media"
            )
        if report.found.samples * report.found.media.voices > self._limits.max_audio_s * SAMPLE_RATE:
            raise self._error("too_long")
        if report.found.samples < self._limits.min_audio_s * SAMPLE_RATE:
            raise self._error("too_short" if not report.found.is_incomplete else "damaged_media")
        if self._samples != report.found.all_samples:
            raise RuntimeError("the decoder has reported another length than that of its audio")
        return Decoded(report.found, report.confinement)

    def _error(self, code: str, **values: Any) -> Reject:
        return rejected(code, self._limits, **values)


def rejected(code: str, limits: DecodeLimits, **values: Any) -> Reject:
    """The error for the owner of a file. `values` are those that the decoder has reported."""
    known = {
        "min_audio_s": limits.min_audio_s,
        "max_audio_h": limits.max_audio_s / 3600,
        "found": "in an unknown format",
        "next_step": f"Send {MEDIA_FORMATS}",
    }
    return Reject.of(code, **known | values)
