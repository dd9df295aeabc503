"""A meeting with a large Whisper on a GPU, compared with a bare CTranslate2 loop over the same chunks.

The model has real shapes and random weights (`random_model.py`), so its cost is real and its words are not.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from . import recordings
from .row import Goal, Row, length
from .testbed import ROOT, CompletedJob, Testbed

LARGEST_BATCH = 8  # max_batch_size of triton-models/whisper
BEAM = 5  # of the tier accurate, the default tier of a model
GOAL = Goal(">=", 0.85)


@dataclass(frozen=True, slots=True)
class Pair:
    """One recording, transcribed by the product and then by the bare loop."""

    product: CompletedJob
    bare: dict[str, float]

    @property
    def whole(self) -> float:
        return self.bare["seconds"] / self.product.wall_s

    @property
    def transcribing(self) -> float:
        return self.bare["seconds"] / self.product.took_s("transcribe")


def measure(testbed: Testbed, label: str) -> list[Row]:
    pairs = [_measure_pair(testbed, seed) for seed in range(2_000, 2_000 + testbed.sizes.repeats)]
    typical = sorted(pairs, key=lambda pair: pair.whole)[len(pairs) // 2]
    baseline = _baseline(typical, testbed.sizes.recording_s)
    return [
        Row(
            f"end to end, {length(testbed.sizes.recording_s)}, {label}: accepted to completed, over the speed of a bare loop",
            median(pair.whole for pair in pairs), "", GOAL, baseline, _where_time_goes(typical),
        ),
        Row(
            f"the same, {label}: only the transcribe stage",
            median(pair.transcribing for pair in pairs), "", None, baseline, _within_the_model(testbed, typical),
        ),
    ]  # fmt: skip


def make(size: str, folder: Path) -> None:
    python, program = ROOT / ".venv-triton/bin/python", Path(__file__).with_name("random_model.py")
    subprocess.run([python, program, size, folder], check=True, stdout=subprocess.DEVNULL)


def _measure_pair(testbed: Testbed, seed: int) -> Pair:
    samples = recordings.meeting_samples(testbed.sizes.recording_s, seed)
    product = testbed.completed(testbed.send(recordings.wav(samples), f"meeting-{seed}.wav"))
    return Pair(product, bare_loop(testbed, samples, testbed.chunks(product.id), LARGEST_BATCH))


def bare_loop(testbed: Testbed, samples: np.ndarray, chunks: Sequence[Any], batch: int) -> dict[str, float]:
    pcm = testbed.scratch / "recording.pcm"
    samples.astype("<i2").tofile(pcm)
    request = {"model": str(testbed.model), "pcm": str(pcm), "chunks": chunks, "batch": batch, "beam": BEAM}
    command = [
        str(ROOT / ".venv-triton/bin/python"),
        str(Path(__file__).with_name("bare_loop.py")),
        json.dumps(request),
    ]
    answer: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return answer


def _baseline(pair: Pair, seconds: float) -> str:
    bare = pair.bare
    parts = ", ".join(f"{name[:-2]} {bare[name]:.1f}" for name in ("mel_s", "encode_s", "generate_s", "align_s"))
    speed = seconds / bare["seconds"]
    return f"bare loop {bare['seconds']:.1f} s ({parts}; {speed:.0f} times real time, {bare['batches']} batches)"


def _where_time_goes(pair: Pair) -> str:
    product = pair.product
    parts = [f"{product.wall_s:.1f} s: "]
    before = 0.0
    for stage in ("prepare", "transcribe", "assemble"):
        _, started, finished = product.stages[stage]
        parts.append(f"{started - before:.2f} s until {stage} starts, {finished - started:.2f} s {stage}; ")
        before = finished
    return "".join(parts).rstrip("; ")


def _within_the_model(testbed: Testbed, pair: Pair) -> str:
    """The time of the stage beyond that of the bare loop."""
    more_s = pair.product.took_s("transcribe") - pair.bare["seconds"]
    chunks = len(testbed.chunks(pair.product.id))
    return f"{more_s:.2f} s more than the bare loop, {1000 * more_s / chunks:.0f} ms for each of {chunks} chunks"
