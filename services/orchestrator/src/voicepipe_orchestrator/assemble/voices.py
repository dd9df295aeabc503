"""Joins the transcripts of channels that were transcribed apart: every channel is a speaker. Pure.

Each channel is stitched on its own, because people talk at the same time. Segments are then put in the order of their starts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from voicepipe_wire.transcript.document import Gap
from voicepipe_wire.transcript.turns import Diarization, Turn

from voicepipe_orchestrator.domain import Segment, Voice

from .stitch import ChunkWords, stitch


@dataclass(frozen=True, slots=True)
class VoiceWords:
    """The words and gaps of one voice, with times of the recording."""

    voice: Voice
    chunks: Sequence[ChunkWords]
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class MergedVoices:
    """The speakers of segments and turns are the names of the voices."""

    segments: tuple[Segment, ...]
    gaps: tuple[Gap, ...]
    diarization: Diarization


def merge(parts: Sequence[VoiceWords]) -> MergedVoices:
    """All segments and gaps in the order of their starts. A word is marked as overlapped if another channel talks at the same time."""
    turns = [
        Turn(segment.start_s, segment.end_s, part.voice.name)
        for part in parts
        for segment in stitch(part.chunks, part.gaps)
    ]
    turns.sort(key=lambda turn: (turn.start_s, turn.end_s))
    segments: list[Segment] = []
    for part in parts:
        always = Turn(-math.inf, math.inf, part.voice.name)
        segments += stitch(part.chunks, part.gaps, Diarization(tuple(turns), (always,)))
    return MergedVoices(
        segments=tuple(sorted(segments, key=lambda segment: (segment.start_s, segment.end_s))),
        gaps=tuple(sorted((gap for part in parts for gap in part.gaps), key=lambda gap: gap.start_s)),
        diarization=Diarization(tuple(turns), ()),
    )
