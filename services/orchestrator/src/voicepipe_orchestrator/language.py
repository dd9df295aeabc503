"""Which language a recording is in.

Whisper guesses per 30 s, and a guess on a jingle or a greeting is often wrong. So a few chunks spread over the recording
are asked and their answers averaged; what is sure enough holds for all chunks, else every chunk decides for itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

FEW_PROBES: Final = 3
MANY_PROBES: Final = 5
# From about eight minutes of speech on, two more probes cost nothing beside the transcription.
MANY_PROBES_FROM_CHUNKS: Final = 20
# A chunk with less speech tells little: a probe hears it padded with silence to 30 s.
ENOUGH_SPEECH_S: Final = 5.0
MIN_PROBABILITY: Final = 0.5


@dataclass(frozen=True, slots=True)
class LanguageChoice:
    """`language` is None where every chunk decides for itself.

    `probability` is that of the likeliest language, None where nobody has listened yet.
    """

    language: str | None
    probability: float | None


def probe_indices(chunk_count: int, speech_s: Sequence[float]) -> tuple[int, ...]:
    """The chunks to ask, in order: one out of each third (or fifth) of those with enough speech.

    `speech_s` has one number per chunk. Out of each part the chunk with the most speech is taken, the earliest of equals.
    Where too few chunks have enough speech, those with the most are asked, and all of them where there are no more.
    """
    if len(speech_s) != chunk_count:
        raise ValueError(f"{chunk_count} chunks, but the speech of {len(speech_s)}")
    wanted = min(chunk_count, MANY_PROBES if chunk_count >= MANY_PROBES_FROM_CHUNKS else FEW_PROBES)
    candidates = [index for index in range(chunk_count) if speech_s[index] >= ENOUGH_SPEECH_S]
    if not wanted or len(candidates) < wanted:
        most = sorted(range(chunk_count), key=lambda index: (-speech_s[index], index))
        return tuple(sorted(most[:wanted]))
    edges = [len(candidates) * part // wanted for part in range(wanted + 1)]
    parts = (candidates[start:end] for start, end in pairwise(edges))
    return tuple(max(part, key=lambda index: (speech_s[index], -index)) for part in parts)


def decide(probes: Sequence[Mapping[str, float]]) -> LanguageChoice:
    """The language of the recording from what the model said about each probed chunk (code to probability).

    A language that a probe does not name has probability 0 there. The order of the probes does not matter.
    """
    codes = sorted({code for probe in probes for code in probe})
    if not codes:
        return LanguageChoice(None, 0.0)
    mean = {code: math.fsum(probe.get(code, 0.0) for probe in probes) / len(probes) for code in codes}
    likeliest = max(codes, key=lambda code: mean[code])
    return LanguageChoice(likeliest if mean[likeliest] >= MIN_PROBABILITY else None, mean[likeliest])
