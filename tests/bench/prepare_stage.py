"""The stage prepare (decoding, speech detection, chunking) for ten minutes, compared with decoding alone."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from statistics import median

import imageio_ffmpeg

from . import recordings
from .row import Goal, Row, length
from .speech import RATE, Speech
from .testbed import Testbed


def measure(testbed: Testbed, speech: Speech) -> list[Row]:
    """Measure the stage, from its start to its end in the database, while nothing is transcribed."""
    wav = recordings.wav(speech.varied(testbed.sizes.recording_s))
    path = testbed.scratch / "prepared.wav"
    path.write_bytes(wav)
    testbed.stack.stop_component("transcribe-accurate")
    try:
        rounds = [(_decode_s(path), _prepare_s(testbed, wav)) for _ in range(testbed.sizes.repeats)]
    finally:
        testbed.stack.start_component("transcribe-accurate")
    alone_s, took_s = (median(times) for times in zip(*rounds, strict=True))
    each = ", ".join(f"{seconds:.2f}" for _, seconds in rounds)
    return [
        Row(
            f"prepare of {length(testbed.sizes.recording_s)}, the stage itself: median of {len(rounds)}",
            took_s, "s", Goal("<=", 2), f"ffmpeg alone decodes the recording in {alone_s:.2f} s", f"{each} s",
        )
    ]  # fmt: skip


def _decode_s(path: Path) -> float:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-i", str(path)]
    command += ["-ac", "1", "-ar", str(RATE), "-f", "s16le", "-"]
    started_s = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started_s


def _prepare_s(testbed: Testbed, wav: bytes) -> float:
    job = testbed.send(wav, "prepared.wav")
    testbed.wait_for_stage(job, "prepare", "done", "failed")
    took_s = testbed.stages(job)["prepare"]
    testbed.remove(job)
    return took_s[2] - took_s[1]
