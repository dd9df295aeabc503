"""Decoding with speech detection, as `prepare` does both at once, compared with the ffmpeg program in the place of our decoder.

The program is what `prepare` used before ADR 15: one track, its own mix, no judgement of what it decodes.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from statistics import median
from typing import Final

import imageio_ffmpeg
from onnxruntime import InferenceSession
from voicepipe_orchestrator.prepare.decode import Wish, decode
from voicepipe_orchestrator.prepare.decoder_process import BLOCK_BYTES, DecodeLimits, Spare
from voicepipe_orchestrator.prepare.vad import SpeechDetector, load_detector

from . import recordings
from .row import Goal, Row, length
from .speech import RATE, Speech
from .testbed import Testbed

CLIP_S: Final = 5.0
FORMATS: Final[Mapping[str, tuple[str, ...]]] = {
    "wav": (),
    "stereo.wav": ("-ar", "48000", "-ac", "2"),
    "m4a": ("-ar", "44100", "-ac", "2", "-c:a", "aac", "-b:a", "128k"),
    "mp3": ("-ar", "44100", "-ac", "2", "-b:a", "128k"),
}


def measure(testbed: Testbed, speech: Speech) -> list[Row]:
    """A row for each format, and one for a clip. Both ways alternate."""
    source = testbed.scratch / "decoded.wav"
    source.write_bytes(recordings.wav(speech.varied(testbed.sizes.recording_s)))
    rows = [
        _row(f"{length(testbed.sizes.recording_s)} of {suffix}", _encoded(source, suffix), testbed.sizes.repeats)
        for suffix in FORMATS
    ]
    clip = testbed.scratch / "clip.wav"
    clip.write_bytes(recordings.wav(speech.varied(CLIP_S)))
    return [*rows, _row(f"{length(CLIP_S)} of wav", clip, 5 * testbed.sizes.repeats)]


def _row(what: str, path: Path, repeats: int) -> Row:
    ours, program = asyncio.run(_compare(path, repeats))
    return Row(
        f"decoding and speech detection, {what}: over the ffmpeg program",
        median(ours) / median(program), "x", Goal("<=", 1.05), f"the program {median(program):.3f} s",
        f"ours {median(ours):.3f} s: median of {repeats}",
    )  # fmt: skip


def _encoded(source: Path, suffix: str) -> Path:
    target = source.with_name(f"encoded.{suffix}")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", "-i", str(source)]
    subprocess.run([*command, *FORMATS[suffix], str(target)], check=True)
    return target


async def _compare(path: Path, repeats: int) -> tuple[list[float], list[float]]:
    session, spare, stop = load_detector(), Spare(DecodeLimits()), asyncio.Event()
    keeping = asyncio.create_task(spare.run(stop))
    ours, program = [], []
    for _ in range(repeats):
        await asyncio.sleep(1)  # a spare decoder is there, as between two recordings
        async with decode(path, Wish(channels="auto"), DecodeLimits(), spare) as decoding:
            ours.append(await _detect(session, aiter(decoding)))
        await asyncio.sleep(1)  # the next one starts
        program.append(await _detect(session, _program(path)))
    stop.set()
    await keeping
    return ours, program


async def _detect(session: InferenceSession, blocks: AsyncIterator[bytes]) -> float:
    started_s = time.perf_counter()
    detector = SpeechDetector(session)
    async for block in blocks:
        await asyncio.to_thread(detector.feed, block)
    await asyncio.to_thread(detector.finish)
    return time.perf_counter() - started_s


async def _program(path: Path) -> AsyncIterator[bytes]:
    process = await asyncio.create_subprocess_exec(
        *(imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-threads", "1", "-i", str(path)),
        *("-map", "0:a:0", "-af", f"aresample={RATE}:async=1:first_pts=0", "-ac", "1", "-f", "s16le", "pipe:1"),
        stdout=asyncio.subprocess.PIPE,
        limit=BLOCK_BYTES,
    )
    assert process.stdout is not None
    while True:
        try:
            yield await process.stdout.readexactly(BLOCK_BYTES)
        except asyncio.IncompleteReadError as end:
            if end.partial:
                yield end.partial
            break
    await process.wait()
