"""One run of the pipeline, with its progress. Blocks until it ends; `engine` can end it from outside."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from pyannote.core import Annotation
from voicepipe_wire.transcript.pcm_format import SAMPLE_RATE
from voicepipe_wire.transcript.turns import Diarization, Turn

from .messages import Limits
from .pipeline import OncePerWindow

# Shares of the time of a run on a CPU. Of the steps after the embeddings only the clustering of hours takes long, and it
# reports nothing.
SHARES = {"segmentation": 0.15, "embeddings": 0.85}


def run(
    pipeline: OncePerWindow, waveform: torch.Tensor, limits: Limits, report: Callable[[float], None] | None = None
) -> Diarization:
    """Diarize float32 [1, samples]. `report` gets the share of the work that is done, in [0, 1], after every window or batch."""
    done = dict.fromkeys(SHARES, 0.0)

    def on_progress(step: str, _: object, *, total: int | None = None, completed: int | None = None, **__: Any) -> None:
        if step in done and total:
            done[step] = min(1.0, (completed or 0) / total)  # the pipeline may count beyond the total
            if report is not None:
                report(min(1.0, sum(share * done[name] for name, share in SHARES.items())))

    file = {"waveform": waveform, "sample_rate": SAMPLE_RATE, "uri": "recording"}
    with warnings.catch_warnings():
        # Two harmless warnings: short recordings make the pipeline average an empty set, and it may find fewer
        # speakers than the lower limit.
        warnings.simplefilter("ignore")
        output = pipeline(file, **_bounds(limits), hook=on_progress)
    return Diarization(_turns(output.speaker_diarization), _turns(output.exclusive_speaker_diarization))


def _bounds(limits: Limits) -> dict[str, int]:
    if limits.min_speakers is not None and limits.min_speakers == limits.max_speakers:
        return {"num_speakers": limits.min_speakers}
    bounds = {"min_speakers": limits.min_speakers, "max_speakers": limits.max_speakers}
    return {name: value for name, value in bounds.items() if value is not None}


def _turns(annotation: Annotation) -> tuple[Turn, ...]:
    return tuple(
        Turn(max(0.0, segment.start), segment.end, str(label))
        for segment, _, label in annotation.itertracks(yield_label=True)
    )
