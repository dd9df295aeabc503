"""Plans the chunks of a recording whose channels are transcribed apart, or of its mix. Pure.

The PCM has the voices one after the other, each padded to whole windows of the speech detector, so the probabilities of one voice are a slice. Chunks of
all voices are numbered by their time in the recording: the transcript then grows from start to end for whoever follows it.
"""

from __future__ import annotations

from dataclasses import replace

from voicepipe_orchestrator.domain import WINDOW, ChunkPlan, Span, voice_stride

from .chunking import plan_chunks
from .speech_regions import Probabilities, regions


def plan_voices(probabilities: Probabilities, voices: int, samples: int) -> tuple[ChunkPlan, ...]:
    """The chunks of `voices` of `samples` each, with their places in the PCM. No chunk has more than one voice.

    `probabilities` are those of the whole PCM.
    """
    stride = voice_stride(samples)
    plans: list[tuple[int, int, ChunkPlan]] = []
    for voice in range(voices):
        own = probabilities[voice * stride // WINDOW : (voice + 1) * stride // WINDOW]
        planned = plan_chunks(regions(own, samples), own, samples)
        plans += [(plan.spans[0].start, voice, _moved(plan, voice * stride)) for plan in planned]
    ordered = sorted(plans, key=lambda each: each[:2])
    return tuple(replace(plan, index=index) for index, (_, _, plan) in enumerate(ordered))


def _moved(plan: ChunkPlan, samples: int) -> ChunkPlan:
    return replace(plan, spans=tuple(Span(span.start + samples, span.end + samples) for span in plan.spans))
