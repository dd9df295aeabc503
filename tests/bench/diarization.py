"""The cost of diarization: compared with the stock pipeline on the same networks, and by length."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .row import Goal, Row, length
from .speech import Speech
from .testbed import ROOT, Sizes


@dataclass(frozen=True, slots=True)
class DiarizationRun:
    """One run of one pipeline over `audio_s` seconds."""

    audio_s: float
    seconds: float
    peak_mb: float
    loaded_mb: float
    speakers: int
    turns: int

    @property
    def per_minute_s(self) -> float:
        return self.seconds / self.audio_s * 60


def measure(sizes: Sizes, model: Path, speech: Speech) -> list[Row]:
    """Measure the pipeline alone, without a stack, each time in a new process."""
    with tempfile.TemporaryDirectory(prefix="voicepipe-bench-diarize-") as folder:
        compared_s = sizes.diarized_s[1]
        pcm = {seconds: Path(folder) / f"{seconds:g}.pcm" for seconds in sizes.diarized_s}
        for seconds, path in pcm.items():
            speech.conversation(seconds).astype("<i2").tofile(path)
        ours = [_run(model, seconds, path, stock=False) for seconds, path in pcm.items()]
        stock = _run(model, compared_s, pcm[compared_s], stock=True)
    same, longest = ours[1], ours[-1]
    minutes = length(compared_s)
    baseline = (
        f"stock {stock.seconds:.1f} s, peak {stock.peak_mb:.0f} MB, {stock.speakers} speakers in {stock.turns} turns"
    )
    lengths = ", ".join(f"{length(each.audio_s)} {each.per_minute_s:.2f}" for each in ours)
    return [
        Row(
            f"diarization of {minutes}, default model: speed over the stock pipeline", stock.seconds / same.seconds, "",
            Goal(">=", 3), baseline,
            f"{same.seconds:.1f} s, {compared_s / same.seconds:.0f} times real time; {same.speakers} speakers in {same.turns} turns",
        ),
        Row(
            f"diarization of {minutes}, default model: peak memory over the stock pipeline", same.peak_mb / stock.peak_mb, "",
            Goal("<=", 1), baseline, f"{same.peak_mb:.0f} MB, of which {same.loaded_mb:.0f} MB before the first sample",
        ),
        Row(
            f"diarization: time per minute of audio, {length(longest.audio_s)} over {minutes}",
            longest.per_minute_s / same.per_minute_s, "", Goal("<=", 1.2), f"seconds per minute of audio: {lengths}",
            "clustering time grows with the square of the length",
        ),
        Row(
            f"peak memory of the pipeline, {length(longest.audio_s)}", longest.peak_mb, "MB", None,
            f"{same.peak_mb:.0f} MB for {minutes}", "the samples (0.23 GB per hour) and the distances between all embeddings",
        ),
    ]  # fmt: skip


def _run(model: Path, seconds: float, pcm: Path, *, stock: bool) -> DiarizationRun:
    request = {"model": str(model), "pcm": str(pcm), "stock": stock, "threads": os.cpu_count()}
    program = Path(__file__).with_name("diarize_once.py")
    command = [str(ROOT / ".venv-diarizer/bin/python"), "-W", "ignore", str(program), json.dumps(request)]
    answer = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])
    return DiarizationRun(seconds, **answer)
