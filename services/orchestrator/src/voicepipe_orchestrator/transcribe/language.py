"""Chooses the language of a recording. Pure.

Whisper detects the language of 30 s, and is often wrong on a jingle or a greeting. So a few chunks spread over the
recording are probed and the probabilities averaged. A language with a sufficient mean is the language of the recording;
a chunk that is confidently in another one is transcribed in that. If no language has a sufficient mean, the model
decides for every chunk.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from voicepipe_orchestrator.domain import SpeechPool

FEW_PROBES: Final = 3
MANY_PROBES: Final = 5
# From about eight minutes of speech, the cost of two more probes is negligible.
MANY_PROBES_FROM_CHUNKS: Final = 20
# A chunk with less speech is a poor probe: the model pads it with silence to 30 s.
ENOUGH_SPEECH_S: Final = 5.0
MIN_PROBABILITY: Final = 0.5
# From this probability, a chunk is in another language than the recording. Whisper base gave at most 0.6 to a wrong
# language, in a barely intelligible meeting, and 0.87 or more to the right one in chunks of at least 10 s.
SWITCH_ABOVE: Final = 0.8

# Text with capitals and punctuation: the model continues in the style of its prompt.
_STYLE: Final[Mapping[str, str]] = {
    "de": "Guten Tag. Wie geht es Ihnen? Danke, gut.",
    "en": "Hello. How are you? I'm fine, thank you.",
    "es": "Hola. ¿Cómo estás? Estoy bien, gracias.",
    "fr": "Bonjour. Comment allez-vous ? Je vais bien, merci.",
    "it": "Ciao. Come stai? Sto bene, grazie.",
    "nl": "Hallo. Hoe gaat het? Goed, dank je.",
    "pl": "Dzień dobry. Jak się masz? Dobrze, dziękuję.",
    "pt": "Olá. Como está? Estou bem, obrigado.",
    "ru": "Здравствуйте. Как дела? Хорошо, спасибо.",
    "sv": "Hej. Hur mår du? Jag mår bra, tack.",
}


@dataclass(frozen=True, slots=True)
class LanguageChoice:
    """`language` is None if it is detected for every chunk.

    `probability` is that of the likeliest language, None if not detected.
    """

    language: str | None
    probability: float | None


def style_prompt(language: str) -> str | None:
    """A well-written text in the language, None if there is none for it."""
    return _STYLE.get(language)


def probe_indices(chunk_count: int, speech_s: Sequence[float]) -> tuple[int, ...]:
    """The chunks to probe, in order: one from each third (or fifth) of those with enough speech.

    `speech_s` has one number per chunk. From each part the chunk with the most speech is taken, the first of equals.
    If too few chunks have enough speech, the ones with the most speech are taken, at most all of them.
    """
    if len(speech_s) != chunk_count:
        raise ValueError(f"{chunk_count} chunks, but the speech of {len(speech_s)}")
    probe_count = min(chunk_count, MANY_PROBES if chunk_count >= MANY_PROBES_FROM_CHUNKS else FEW_PROBES)
    candidates = [index for index in range(chunk_count) if speech_s[index] >= ENOUGH_SPEECH_S]
    if not probe_count or len(candidates) < probe_count:
        most = sorted(range(chunk_count), key=lambda index: (-speech_s[index], index))
        return tuple(sorted(most[:probe_count]))
    edges = [len(candidates) * part // probe_count for part in range(probe_count + 1)]
    parts = (candidates[start:end] for start, end in pairwise(edges))
    return tuple(max(part, key=lambda index: (speech_s[index], -index)) for part in parts)


def detecting_pool(own: str, pools: Mapping[str, SpeechPool]) -> str | None:
    """The pool that detects languages for the pool `own`: itself, or another one if it knows only one language.

    None if no pool that is ready can. A pool that is missing in `pools` detects languages itself.
    """
    if own not in pools or pools[own].is_multilingual:
        return own
    able = (pool.name for pool in pools.values() if pool.is_multilingual and pool.is_ready)
    return min(able, default=None)


def choose_language(probes: Sequence[Mapping[str, float]]) -> LanguageChoice:
    """The language of the recording, from the probabilities (by code) of each probed chunk.

    A language that is missing in a probe has probability 0 there. The order of the probes does not matter.
    """
    codes = sorted({code for probe in probes for code in probe})
    if not codes:
        return LanguageChoice(None, 0.0)
    mean = {code: math.fsum(probe.get(code, 0.0) for probe in probes) / len(probes) for code in codes}
    likeliest = max(codes, key=lambda code: mean[code])
    return LanguageChoice(likeliest if mean[likeliest] >= MIN_PROBABILITY else None, mean[likeliest])
