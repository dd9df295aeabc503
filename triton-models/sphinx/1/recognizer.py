"""The contract of the speech models on PocketSphinx: English alone, no translation, draft quality.

`beam`, `temperature`, `prompt`, `timestamps` and the like have no meaning here: they are accepted and change nothing, so a
caller needs no second set of parameters. `segments` is then the whole chunk.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from speech_contract.errors import Cancelled, ModelFailed, RequestError, UnsupportedLanguage, UnsupportedTask
from speech_contract.measures import compression_ratio
from speech_contract.params import Params
from speech_contract.serving import SAMPLE_RATE, Chunk, Result

from .hypothesis import Heard, mean_logprob, spoken

LANGUAGE = "en"
# One second of faint noise, the same every time: decoding it is the proof of health.
_HISS = np.random.default_rng(0).integers(-50, 50, SAMPLE_RATE, dtype=np.int16)
_HEARD_AS_ENGLISH: Result = {"language": LANGUAGE, "language_probability": 1.0}


class Decodes(Protocol):
    def decode(self, pcm: np.ndarray) -> list[Heard]:
        """Segments of int16 PCM at 16 kHz, the same for the same PCM."""


class SphinxRecognizer:
    """`about` is what `describe` answers, except languages and tasks."""

    def __init__(self, decoder: Decodes, about: dict[str, Any]) -> None:
        self._decoder = decoder
        self._about = about | {"languages": [LANGUAGE], "tasks": ["transcribe"]}

    def recognize(self, chunks: Sequence[Chunk]) -> list[Result | RequestError]:
        """One result or error per chunk, in order."""
        return [self._one(chunk, len(chunks)) for chunk in chunks]

    def _one(self, chunk: Chunk, batch_size: int) -> Result | RequestError:
        if chunk.is_cancelled():
            return Cancelled("the client went away before decoding")
        try:
            _refuse(chunk.params)
            began = time.perf_counter()
            result = self._answer(chunk)
        except RequestError as error:
            return error
        except Exception as error:  # noqa: BLE001 - whatever the engine raises belongs to this chunk
            return ModelFailed(f"{type(error).__name__}: {error}")
        if chunk.params.op == "describe":
            return result
        spent_s = round(time.perf_counter() - began, 6)
        stages = {"mel_s": 0.0, "encode_s": 0.0, "generate_s": spent_s, "align_s": 0.0}
        return result | {"timings": stages | {"batch_size": batch_size}}

    def _answer(self, chunk: Chunk) -> Result:
        match chunk.params.op:
            case "describe":
                self._decoder.decode(_HISS)
                return self._about
            case "detect":
                return _HEARD_AS_ENGLISH | {"probabilities": {LANGUAGE: 1.0}}
            case _:
                return _transcribed(chunk, self._decoder.decode(chunk.pcm))


def _refuse(params: Params) -> None:
    if params.language not in {None, LANGUAGE}:
        raise UnsupportedLanguage(f"this model knows English alone, not {params.language!r}")
    if params.task != "transcribe":
        raise UnsupportedTask("this model does not translate")


def _transcribed(chunk: Chunk, heard: Sequence[Heard]) -> Result:
    words = spoken(heard, chunk.duration_s)
    text = " ".join(word.text for word in words)
    result: Result = {
        "text": text,
        "words": [[word.start_s, word.end_s, word.text, word.probability] for word in words],
        "avg_logprob": mean_logprob(words),
        "no_speech_prob": 0.0 if words else 1.0,
        "compression_ratio": compression_ratio(text),
        "truncated": False,
    }
    if not chunk.params.word_timestamps:
        result["words"] = []
    if chunk.params.timestamps:
        result["segments"] = [[words[0].start_s, words[-1].end_s, text]] if words else []
    return result | _HEARD_AS_ENGLISH
