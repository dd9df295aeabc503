"""What telling speakers apart costs: against the stock pipeline, by length, and for a whole job."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from voicepipe_local.models import DEFAULT_SPEAKERS
from voicepipe_local.testing import real_models

from . import recordings
from .bed import Bed, Sizes
from .row import Goal, Row

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Once:
    """One run of one pipeline over `audio_s` seconds."""

    audio_s: float
    seconds: float
    peak_mb: float
    loaded_mb: float

    @property
    def per_minute_s(self) -> float:
        return self.seconds / self.audio_s * 60


def pipelines(sizes: Sizes) -> list[Row]:
    """Without a line: the pipeline alone, in a process of its own each time."""
    with tempfile.TemporaryDirectory(prefix="voicepipe-bench-diarize-") as folder:
        compared_s = sizes.diarized_s[1]
        ours = [_once(Path(folder), seconds, stock=False) for seconds in sizes.diarized_s]
        stock = _once(Path(folder), compared_s, stock=True)
    same, longest = ours[1], ours[-1]
    minutes = f"{compared_s / 60:g} min"
    about = f"stock {stock.seconds:.1f} s, peak {stock.peak_mb:.0f} MB"
    lengths = ", ".join(f"{each.audio_s / 60:g} min {each.per_minute_s:.2f}" for each in ours)
    return [
        Row(
            f"diarization of {minutes}, default model: speed over the stock pipeline", stock.seconds / same.seconds, "",
            Goal(">=", 3), about, f"{same.seconds:.1f} s, {compared_s / same.seconds:.0f} times real time",
        ),
        Row(
            f"diarization of {minutes}, default model: peak memory over the stock pipeline", same.peak_mb / stock.peak_mb, "",
            Goal("<=", 1), about, f"{same.peak_mb:.0f} MB, of which {same.loaded_mb:.0f} before the first sample",
        ),
        Row(
            f"diarization: time per minute of audio, {longest.audio_s / 60:g} min over {minutes}",
            longest.per_minute_s / same.per_minute_s, "", Goal("<=", 1.2), f"seconds per minute of audio: {lengths}",
            "the clustering grows with the square of the length",
        ),
        Row(
            f"peak memory of the pipeline, {longest.audio_s / 60:g} min", longest.peak_mb, "MB", None,
            f"{same.peak_mb:.0f} MB for {minutes}", "the samples (0.23 GB an hour) and the distances between all voices",
        ),
    ]  # fmt: skip


def whole_jobs(bed: Bed) -> list[Row]:
    """A job with and without speakers, one right after the other. The bed has a diarizer."""
    ratios, said = [], ""
    for seed in range(4_000, 4_000 + bed.sizes.repeats):
        wav = recordings.meeting_wav(bed.sizes.meeting_s, seed)
        without = bed.finished(bed.send(wav, f"without-{seed}.wav"))
        having = bed.finished(bed.send(wav, f"with-{seed}.wav", diarize="true"))
        ratios.append(having.wall_s / without.wall_s)
        parts = ", ".join(f"{stage} {having.took_s(stage):.1f} s" for stage in ("transcribe", "diarize"))
        said = f"{having.wall_s:.1f} s with ({parts}, side by side), {without.wall_s:.1f} s without"
    name = f"a job of {bed.sizes.meeting_s / 60:g} min with speakers over one without, {os.cpu_count()} cores"
    return [Row(name, median(ratios), "", None, said, "both stages want all cores at the same time")]


def _once(folder: Path, seconds: float, *, stock: bool) -> Once:
    pcm = folder / f"{seconds:g}.pcm"
    if not pcm.exists():
        recordings.meeting_samples(seconds, 3_000).astype("<i2").tofile(pcm)
    order = {"model": str(real_models() / DEFAULT_SPEAKERS), "pcm": str(pcm), "stock": stock, "threads": os.cpu_count()}
    program = Path(__file__).with_name("diarize_once.py")
    command = [str(ROOT / ".venv-diarizer/bin/python"), "-W", "ignore", str(program), json.dumps(order)]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    return Once(seconds, answer["seconds"], answer["peak_mb"], answer["loaded_mb"])
