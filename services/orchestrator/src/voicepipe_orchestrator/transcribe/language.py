"""Which language a recording is in.

Whisper guesses per 30 s, and a guess on a jingle or a greeting is often wrong. So a few chunks spread over the recording
are asked and their answers averaged. What is sure enough is the language of the recording; a chunk that is surely in another
one is transcribed in that. Otherwise every chunk decides for itself.
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
# From here on a chunk is in another language than the recording. Whisper base was at most 0.6 sure of a wrong language, on
# a meeting of which few words can be understood, and 0.87 or more of the right one in chunks of 10 s and more.
SWITCH_ABOVE: Final = 0.8

# A sentence with capitals and punctuation, for models that continue in the style of what stands before.
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
    """`language` is None where every chunk decides for itself.

    `probability` is that of the likeliest language, None where nobody has listened yet.
    """

    language: str | None
    probability: float | None


def style_prompt(language: str) -> str | None:
    """A well-written sentence in the language, None where there is none at hand."""
    return _STYLE.get(language)


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


def detecting_model(model: str, languages: Mapping[str, Sequence[str]]) -> str | None:
    """Who can tell the language of a recording for `model`: itself, another model if it knows one language alone, or nobody.

    `languages` are those that each served model knows; a model that is not among them is asked itself.
    """
    if len(languages.get(model, ("", ""))) > 1:
        return model
    return next((name for name in sorted(languages) if len(languages[name]) > 1), None)


def choose_language(probes: Sequence[Mapping[str, float]]) -> LanguageChoice:
    """The language of the recording from what the model said about each probed chunk (code to probability).

    A language that a probe does not name has probability 0 there. The order of the probes does not matter.
    """
    codes = sorted({code for probe in probes for code in probe})
    if not codes:
        return LanguageChoice(None, 0.0)
    mean = {code: math.fsum(probe.get(code, 0.0) for probe in probes) / len(probes) for code in codes}
    likeliest = max(codes, key=lambda code: mean[code])
    return LanguageChoice(likeliest if mean[likeliest] >= MIN_PROBABILITY else None, mean[likeliest])
