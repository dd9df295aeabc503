"""Decodes an untrusted file to 16 kHz mono PCM, in a sandboxed child process (`sandbox`), with constant memory.

    async with decode(path, limits) as decoding:
        async for block in decoding:
            ...
    decoding.result

An attacker chooses every byte of the file. The file can:

- Make ffmpeg execute code of its own. That code is in the sandbox: it can use CPU and memory up to the limits, and
  write to stdout and stderr, so it can supply any audio and any log. Both are only data here.
- State any length, name or format. The cap applies to decoded samples, not to the stated length; `hint_s` is for
  progress only.
- Stall or flood. `stall_timeout_s` and `timeout_s` bound the wait for the decoder, `cpu_s` and `memory_bytes` bound the child, the pipe
  holds it back while the consumer is busy, and `FfmpegLog` keeps a bounded part of stderr.

The file cannot:

- Open other files or connections: ffmpeg may only use the protocol `fd` (see `ffmpeg`), and the sandbox forbids it, as
  far as the kernel supports that.
- See another recording: each has a process of its own.
- Write to our log: nothing that ffmpeg prints is logged.
- Outlive its job: leaving the block, also by an error or by cancellation, kills the process group and reaps the child.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import imageio_ffmpeg
import structlog
from voicepipe_wire import aio
from voicepipe_wire.error_catalogue import MEDIA_FORMATS
from voicepipe_wire.errors import Reject
from voicepipe_wire.watchdog import HUNG

from voicepipe_orchestrator.domain import SAMPLE_BYTES, SAMPLE_RATE

from . import sandbox
from .ffmpeg import FfmpegLog, arguments

log = structlog.get_logger(__name__)

HUNG.labels("prepare")  # exported as 0 from the start: Prometheus cannot see the first increase of a new series

Result = TypeVar("Result")

BLOCK_BYTES = 1 << 17  # 4 s, and a whole number of the detector's windows
HEAD_BYTES = 16
# zip, rar, 7z, gzip, pdf: ffmpeg searches for frames anywhere, and would find those of an MP3 stored inside
ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06", b"Rar!", b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b", b"%PDF-")
STREAMED_BYTES = 0xFFFF_FF00  # a RIFF size of at least this means: written to a pipe, length unknown
# printed while opening: the format was recognized, but data that it needs lies beyond the end of the file
CUT_OFF = ("moov atom not found", "Error opening input: End of file", "Error opening input: Input/output error")
NO_MEMORY = ("Cannot allocate memory", "pthread_create() failed", "failed to map segment")


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """The limits of one decoder.

    `timeout_s` is the time spent waiting for the decoder, without the time that the consumer of the blocks takes;
    `stall_timeout_s` the same for one block.
    """

    min_audio_s: float = 0.25
    max_audio_s: float = 12 * 3600
    timeout_s: float = 1800
    stall_timeout_s: float = 120
    cpu_s: int = 1800
    memory_bytes: int = 1 << 30


class DecoderHung(Exception):
    """The decoder gave no output for `stall_timeout_s`. The machine may be the reason, so another try may succeed."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The result of a decoder that has exited.

    `container` and `codec` are ffmpeg's names, `warnings` are codes of the error catalogue, and `confinement` has the
    measures that took effect.
    """

    samples: int
    container: str
    codec: str
    warnings: tuple[str, ...]
    confinement: tuple[str, ...]


@contextlib.asynccontextmanager
async def decode(path: Path, limits: DecodeLimits) -> AsyncIterator[Decoding]:
    """Start to decode the regular file `path`. Other faults of the file are raised when the blocks are read.

    Raises:
        Reject: `not_audio`: the first bytes are those of an archive or a document.
        OSError: the file cannot be opened.
    """
    with tempfile.TemporaryDirectory(prefix="voicepipe-decode-") as empty_folder:
        source = os.open(path, os.O_RDONLY)
        try:
            head, size_bytes = os.pread(source, HEAD_BYTES, 0), os.fstat(source).st_size
            if head.startswith(ARCHIVES):
                raise _rejected("not_audio", limits)
            process = await _start_decoder(source, limits, empty_folder)
        finally:
            os.close(source)
        ffmpeg_log = FfmpegLog(is_cut=_is_truncated_riff(head, size_bytes))
        try:
            async with aio.background(_read_log(process, ffmpeg_log)) as log_reader:
                yield Decoding(process, ffmpeg_log, log_reader, limits)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            # Read both pipes to their end, otherwise the transport never closes although the child is dead.
            await process.communicate()


async def confinement() -> tuple[str, ...]:
    """The measures of the sandbox that take effect on this machine, from a run of the decoder without a recording.

    Raises:
        OSError: the decoder cannot be started.
    """
    with tempfile.TemporaryDirectory(prefix="voicepipe-decode-") as empty_folder:
        process = await _start_confined([imageio_ffmpeg.get_ffmpeg_exe(), "-version"], DecodeLimits(), empty_folder)
        _, stderr = await process.communicate()
    ffmpeg_log = FfmpegLog(is_cut=False)
    ffmpeg_log.feed(stderr)
    return ffmpeg_log.confinement if process.returncode == 0 else ()


class Decoding:
    """One pass over the PCM. `hint_s` is the length that the file states, for progress only; None while unknown."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        ffmpeg_log: FfmpegLog,
        log_reader: asyncio.Task[None],
        limits: DecodeLimits,
    ) -> None:
        self._process = process
        self._ffmpeg_log = ffmpeg_log
        self._log_reader = log_reader
        self._limits = limits
        self._remaining_s = limits.timeout_s
        self._samples = 0
        self._result: Decoded | None = None

    @property
    def hint_s(self) -> float | None:
        return self._ffmpeg_log.duration_s

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
            if self._samples > max_samples:
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
        ffmpeg_log = self._ffmpeg_log
        if not ffmpeg_log.confinement or ffmpeg_log.contains("Option not found"):
            raise RuntimeError(f"the decoder did not start (exit code {exit_code})")
        was_killed_early = exit_code < 0 and not ffmpeg_log.container  # too little memory even to load the executable
        if was_killed_early or exit_code in {-signal.SIGKILL, -signal.SIGXCPU} or ffmpeg_log.contains(*NO_MEMORY):
            raise self._error("decode_limit")
        if self._samples < self._limits.min_audio_s * SAMPLE_RATE:
            raise self._error(self._error_code(exit_code))
        return Decoded(
            self._samples, ffmpeg_log.container, ffmpeg_log.codec, self._warnings(exit_code), ffmpeg_log.confinement
        )

    def _error_code(self, exit_code: int) -> str:
        ffmpeg_log = self._ffmpeg_log
        if ffmpeg_log.contains(*CUT_OFF):
            return "damaged_media"
        if not ffmpeg_log.container:
            return "not_audio"
        if ffmpeg_log.contains("matches no streams"):
            return "no_audio_stream" if ffmpeg_log.has_video else "damaged_media"
        if ffmpeg_log.contains("not on whitelist", "no decoder found", "Decoder not found") and not self._samples:
            return "unsupported_media"
        is_short = ffmpeg_log.duration_s is None or ffmpeg_log.duration_s <= self._limits.min_audio_s
        return "too_short" if is_short and exit_code == 0 else "damaged_media"

    def _warnings(self, exit_code: int) -> tuple[str, ...]:
        ffmpeg_log, decoded_s = self._ffmpeg_log, self._samples / SAMPLE_RATE
        stated_s = 0.0 if ffmpeg_log.is_estimate or ffmpeg_log.duration_s is None else ffmpeg_log.duration_s
        is_cut = exit_code != 0 or ffmpeg_log.is_cut or decoded_s < stated_s - max(1.0, stated_s * 0.02)
        return tuple(
            code
            for code, applies in (
                ("truncated_media", is_cut),
                ("damaged_parts", ffmpeg_log.damaged_packets > 0 and not ffmpeg_log.is_cut),
            )
            if applies
        )

    def _error(self, code: str) -> Reject:
        return _rejected(code, self._limits)


def _rejected(code: str, limits: DecodeLimits) -> Reject:
    return Reject.of(
        code,
        min_audio_s=limits.min_audio_s,
        max_audio_h=limits.max_audio_s / 3600,
        found="in an unknown format",
        next_step=f"Send {MEDIA_FORMATS}",
    )


def _is_truncated_riff(head: bytes, size_bytes: int) -> bool:
    """Whether a RIFF file is shorter than it states.

    ffmpeg then reads to the end of the file, and reports the last packet as corrupt.
    """
    stated_bytes = int.from_bytes(head[4:8], "little")
    return head.startswith(b"RIFF") and 0 < stated_bytes < STREAMED_BYTES and stated_bytes + 8 > size_bytes


async def _start_decoder(source: int, limits: DecodeLimits, folder: str) -> asyncio.subprocess.Process:
    return await _start_confined(arguments(imageio_ffmpeg.get_ffmpeg_exe(), source), limits, folder, source)


async def _start_confined(
    argv: list[str], limits: DecodeLimits, folder: str, *descriptors: int
) -> asyncio.subprocess.Process:
    config = {
        "argv": argv,
        "parent": os.getpid(),
        "cpu_s": limits.cpu_s,
        "memory_bytes": limits.memory_bytes,
    }
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", sandbox.__file__, json.dumps(config)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env={"LC_ALL": "C"},
        pass_fds=descriptors,
        start_new_session=True,
        limit=BLOCK_BYTES,
    )


async def _read_log(process: asyncio.subprocess.Process, ffmpeg_log: FfmpegLog) -> None:
    assert process.stderr is not None  # noqa: S101
    while block := await process.stderr.read(1 << 14):
        ffmpeg_log.feed(block)
