"""A batch of chunks to a list of results: mel, encode, detect, generate, align, each once per batch or group of rows.

Invariant: the rows of a batch never influence each other. A result does not depend on the rows that share a call
(measured, see ../README.md), and a call that raises is repeated in halves until only the bad row fails.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from speech_contract.errors import Cancelled, ModelFailed, RequestError, UnsupportedLanguage, UnsupportedTask
from speech_contract.measures import compression_ratio
from speech_contract.params import NEW_TOKENS_MAX, Params
from speech_contract.serving import Chunk, Result

from . import context, limits, sampling, words
from .engine import TEXT_CONTEXT, Aligned, Decoding, Engine, Generated
from .grouping import bisected, grouped
from .mel import HOP, LogMel
from .vocabulary import Vocabulary

_HEALTH_FRAMES = 100  # one second: enough to run every layer of the encoder
_ALIGNED_FRAMES_MIN = 16  # the median filter of the alignment needs a few encoder frames
_TOP_LANGUAGES = 5


@dataclass(slots=True)
class Batch:
    """The intermediate results by row. A row with an error is skipped by every later stage."""

    chunks: Sequence[Chunk]
    errors: dict[int, RequestError] = field(default_factory=dict)
    encoded: dict[int, np.ndarray] = field(default_factory=dict)
    languages: dict[int, dict[str, float]] = field(default_factory=dict)
    generated: dict[int, Generated] = field(default_factory=dict)
    aligned: dict[int, Aligned] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def rows(self, wanted: Callable[[Chunk], bool]) -> list[int]:
        return [row for row, chunk in enumerate(self.chunks) if row not in self.errors and wanted(chunk)]

    def language(self, row: int) -> str:
        """The language of a row: the likeliest for `detect`, or if none is given.

        Otherwise the given one, unless the likeliest has a probability of at least `switch_above`. Empty if unknown.
        """
        params = self.chunks[row].params
        given = params.language if params.op == "transcribe" else None
        if row not in self.languages:
            return given or ""
        likeliest, probability = next(iter(self.languages[row].items()))
        if given and (params.switch_above is None or probability < params.switch_above):
            return given
        return likeliest

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Record the wall time of a stage, after dropping cancelled requests."""
        self.errors |= {
            row: Cancelled(f"the client disconnected before {stage[:-2]}")
            for row in self.rows(lambda chunk: chunk.is_cancelled())
        }
        started = time.perf_counter()
        yield
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + time.perf_counter() - started, 6)


class WhisperRecognizer:
    """`description` is the result of `describe`, without languages and tasks."""

    def __init__(self, engine: Engine, vocabulary: Vocabulary, description: dict[str, Any]) -> None:
        self._engine = engine
        self._vocabulary = vocabulary
        self._mel = LogMel(engine.n_mels)
        self._description = description

    def recognize(self, chunks: Sequence[Chunk]) -> list[Result | RequestError]:
        """One result or error per chunk, in order."""
        batch = Batch(chunks)
        batch.errors |= self._refused(chunks)
        self._encode(batch)
        self._detect(batch)
        self._generate(batch)
        self._align(batch)
        return [batch.errors.get(row) or self._result(batch, row) for row in range(len(chunks))]

    def _refused(self, chunks: Sequence[Chunk]) -> dict[int, RequestError]:
        refused: dict[int, RequestError] = {}
        for row, params in enumerate(chunk.params for chunk in chunks):
            if params.language and params.language not in self._vocabulary.languages:
                refused[row] = UnsupportedLanguage(f"this model does not know the language {params.language!r}")
            elif params.task not in self._vocabulary.tasks:
                refused[row] = UnsupportedTask("this model knows only English and does not translate")
        return refused

    def _encode(self, batch: Batch) -> None:
        silence = np.zeros((self._engine.n_mels, _HEALTH_FRAMES), dtype=np.float32)
        with batch.timed("mel_s"):
            mels = {
                row: context.trimmed(self._mel(chunk.pcm), chunk, on_cpu=self._engine.device == "cpu")
                for row, chunk in ((row, batch.chunks[row]) for row in batch.rows(_is_audio))
            }
            mels |= dict.fromkeys(batch.rows(lambda chunk: not _is_audio(chunk)), silence)
        with batch.timed("encode_s"):
            rows = batch.rows(lambda _: True)
            for group in grouped(rows, lambda row: mels[row].shape).values():
                self._call(batch, group, lambda some: self._engine.encode([mels[row] for row in some]), batch.encoded)

    def _detect(self, batch: Batch) -> None:
        with batch.timed("detect_s"):
            rows = batch.rows(_wants_language)
            if self._engine.is_multilingual:
                for group in grouped(rows, lambda row: batch.encoded[row].shape).values():
                    self._call(
                        batch, group, lambda some: self._engine.detect(_picked(batch.encoded, some)), batch.languages
                    )
            else:
                batch.languages |= {row: {"en": 1.0} for row in rows}

    def _generate(self, batch: Batch) -> None:
        with batch.timed("generate_s"):
            rows = batch.rows(_is_speech)
            prompts = {row: self._prompt(batch, row) for row in rows}
            bounds = {row: self._bound(batch, row, prompts[row]) for row in rows}
            for row in [row for row in rows if batch.chunks[row].params.temperature > 0]:
                self._call(
                    batch,
                    [row],
                    lambda some: [self._sampled(batch, some[0], prompts[some[0]], bounds[some[0]])],
                    batch.generated,
                )

            def shared(row: int) -> tuple[int, int, bool, Decoding]:
                params = batch.chunks[row].params
                limit = min(bounds[row], _first_limit(batch.chunks[row]))
                return len(batch.encoded[row]), len(prompts[row]), params.timestamps, _decoding(params, limit)

            searched = [row for row in rows if batch.chunks[row].params.temperature == 0]
            for (*_, decoding), group in grouped(searched, shared).items():
                self._call(
                    batch,
                    group,
                    lambda some, decoding=decoding: self._engine.generate(
                        _picked(batch.encoded, some), _picked(prompts, some), decoding
                    ),
                    batch.generated,
                )
            for row in searched:
                if row in batch.generated and _stopped_early(batch.chunks[row], batch.generated[row], bounds[row]):
                    self._call(
                        batch,
                        [row],
                        lambda some: [self._continued(batch, some[0], prompts[some[0]], bounds[some[0]])],
                        batch.generated,
                    )

    def _bound(self, batch: Batch, row: int, prompt: list[int]) -> int:
        """The token limit of a chunk: by its duration, by `max_new_tokens`, and by the room in the text context."""
        chunk = batch.chunks[row]
        most = limits.most_tokens(chunk.duration_s, batch.language(row), timestamps=chunk.params.timestamps)
        return min(most, chunk.params.max_new_tokens or NEW_TOKENS_MAX, _room(prompt))

    def _continued(self, batch: Batch, row: int, prompt: list[int], bound: int) -> Generated:
        """The first text, continued to its end. CTranslate2's score of a continuation counts only the new tokens."""
        chunk, first = batch.chunks[row], batch.generated[row]
        decoding = _decoding(chunk.params, bound - len(first.tokens))
        whole = self._engine.generate([batch.encoded[row]], [[*prompt, *first.tokens]], decoding)[0]
        total = first.avg_logprob * (len(first.tokens) + 1) + whole.avg_logprob * (len(whole.tokens) + 1)
        return replace(whole, avg_logprob=total / (len(whole.tokens) + 1), truncated=len(whole.tokens) >= bound)

    def _prompt(self, batch: Batch, row: int) -> list[int]:
        params = batch.chunks[row].params
        return self._vocabulary.prompt(
            batch.language(row), params.task, text=params.prompt, timestamps=params.timestamps
        )

    def _sampled(self, batch: Batch, row: int, prompt: list[int], bound: int) -> Generated:
        chunk, encoded = batch.chunks[row], batch.encoded[row]
        decoding = _decoding(chunk.params, bound)
        no_speech_prob = 0.0

        def continued(prefix: Sequence[int]) -> list[np.ndarray]:
            nonlocal no_speech_prob
            steps, no_speech_prob = self._engine.steps(encoded, prompt, prefix, decoding)
            return steps

        drawn = sampling.sample(
            continued,
            sampling.timestamp_mask(
                self._vocabulary.first_timestamp,
                self._vocabulary.end,
                [self._vocabulary.no_timestamps],
                timestamps=chunk.params.timestamps,
            ),
            temperature=chunk.params.temperature,
            seed=_seed(chunk),
            end=self._vocabulary.end,
            max_tokens=decoding.max_tokens,
        )
        return Generated(drawn.tokens, drawn.logprob / (len(drawn.tokens) + 1), no_speech_prob, drawn.truncated)

    def _align(self, batch: Batch) -> None:
        with batch.timed("align_s"):
            texts = {row: self._text_tokens(generated) for row, generated in batch.generated.items()}
            rows = [row for row in batch.rows(lambda chunk: chunk.params.word_timestamps) if texts.get(row)]
            frames = {row: max(len(batch.chunks[row].pcm) // HOP, _ALIGNED_FRAMES_MIN) for row in rows}
            groups = grouped(
                rows, lambda row: (len(batch.encoded[row]), batch.language(row), batch.chunks[row].params.task)
            )
            for (_, language, task), group in groups.items():
                sot = self._vocabulary.sot_sequence(language, task)
                self._call(
                    batch,
                    group,
                    lambda some, sot=sot: self._engine.align(
                        _picked(batch.encoded, some), sot, _picked(texts, some), _picked(frames, some)
                    ),
                    batch.aligned,
                )

    def _call(
        self, batch: Batch, rows: Sequence[int], call: Callable[[Sequence[int]], Sequence[Any]], into: dict[int, Any]
    ) -> None:
        answers, failures = bisected(rows, call)
        into.update(answers)
        batch.errors |= {row: ModelFailed(f"{type(error).__name__}: {error}") for row, error in failures.items()}

    def _result(self, batch: Batch, row: int) -> Result:
        params = batch.chunks[row].params
        if params.op == "describe":
            return self._description | {
                "languages": list(self._vocabulary.languages),
                "tasks": list(self._vocabulary.tasks),
            }
        timings = batch.seconds | {"batch_size": len(batch.chunks)}
        language = {"language": batch.language(row), "language_probability": self._probability(batch, row)}
        if row in batch.languages:
            language["probabilities"] = dict(list(batch.languages[row].items())[:_TOP_LANGUAGES])
        if params.op == "detect":
            return language | {"timings": timings}
        return self._transcribed(batch, row) | language | {"timings": timings}

    def _probability(self, batch: Batch, row: int) -> float | None:
        """None if the language was not detected, or the model knows only one."""
        if row not in batch.languages or not self._engine.is_multilingual:
            return None
        return batch.languages[row].get(batch.language(row), 0.0)

    def _transcribed(self, batch: Batch, row: int) -> Result:
        generated, chunk = batch.generated[row], batch.chunks[row]
        text = self._vocabulary.text(generated.tokens).strip()
        result: Result = {
            "text": text,
            "words": [[word.start_s, word.end_s, word.text, word.probability] for word in self._words(batch, row)],
            "avg_logprob": round(generated.avg_logprob, 6),
            "no_speech_prob": round(generated.no_speech_prob, 6),
            "compression_ratio": compression_ratio(text),
            "truncated": generated.truncated,
        }
        if chunk.params.timestamps:
            result["segments"] = words.segments(generated.tokens, self._vocabulary, chunk.duration_s)
        return result

    def _words(self, batch: Batch, row: int) -> list[words.TimedWord]:
        if row not in batch.aligned:
            return []
        aligned = batch.aligned[row]
        pieces = self._vocabulary.pieces(self._text_tokens(batch.generated[row]))
        # Whisper always translates into English.
        language = "en" if batch.chunks[row].params.task == "translate" else batch.language(row)
        split = words.split(pieces, language)
        return words.timed(split, aligned.path, aligned.probabilities, batch.chunks[row].duration_s)

    def _text_tokens(self, generated: Generated) -> list[int]:
        return [token for token in generated.tokens if self._vocabulary.is_text(token)]


def _is_audio(chunk: Chunk) -> bool:
    return chunk.params.op != "describe"


def _is_speech(chunk: Chunk) -> bool:
    return chunk.params.op == "transcribe"


def _picked(values: dict[int, Any], rows: Sequence[int]) -> list[Any]:
    return [values[row] for row in rows]


def _wants_language(chunk: Chunk) -> bool:
    params = chunk.params
    if params.op == "transcribe":
        return not params.language or params.switch_above is not None
    return params.op == "detect"


def _first_limit(chunk: Chunk) -> int:
    """The token limit of the first call.

    Text with timestamps is generated in one call, because CTranslate2 does not apply the timestamp rules after a
    prefix.
    """
    return NEW_TOKENS_MAX if chunk.params.timestamps else limits.loop_check_tokens(chunk.duration_s)


def _room(prompt: Sequence[int]) -> int:
    """The number of tokens that fit into the text context after the prompt."""
    return TEXT_CONTEXT - len(prompt) + 1


def _stopped_early(chunk: Chunk, generated: Generated, bound: int) -> bool:
    """Whether the text ended at the loop check, is not a loop, and may get more tokens."""
    if chunk.params.timestamps or not generated.truncated:
        return False
    return len(generated.tokens) < bound and not limits.is_loop(generated.tokens)


def _decoding(params: Params, max_tokens: int) -> Decoding:
    return Decoding(params.beam if params.temperature == 0 else 1, params.suppress_blank, max_tokens)


def _seed(chunk: Chunk) -> int:
    """A seed from the audio and the parameters only, so a retry on another server samples the same text."""
    content = hashlib.sha256(chunk.pcm.tobytes() + repr(chunk.params).encode())
    return int.from_bytes(content.digest()[:8], "big")
