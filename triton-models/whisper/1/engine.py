"""CTranslate2's Whisper, with lists of arrays in and out: the only module that imports ctranslate2.

Encoder output is kept as one array per row, so any rows can share a call. On a GPU that costs a copy to the host and
back: 30 MB for eight rows of the largest model, about 1 % of the time of decoding them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

TEXT_CONTEXT = 448


@dataclass(frozen=True, slots=True)
class Decoding:
    """The options that all rows of one `generate` call share. Their prompts must also have the same length."""

    beam: int
    suppress_blank: bool
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Generated:
    """Tokens without the end token.

    `avg_logprob`: sum of log probabilities / (tokens + 1), as in openai-whisper; 0 without tokens.
    """

    tokens: list[int]
    avg_logprob: float
    no_speech_prob: float
    truncated: bool


@dataclass(frozen=True, slots=True)
class Aligned:
    """Pairs (token, encoder frame) and the probability of every text token."""

    path: list[tuple[int, int]]
    probabilities: list[float]


class Engine:
    """`device`: auto, cpu or cuda. `compute_type` None: int8 on a CPU, float16 on a GPU. `threads` 0: all cores."""

    def __init__(self, folder: Path, *, device: str, compute_type: str | None, threads: int) -> None:
        import ctranslate2

        self.version: str = ctranslate2.__version__
        if device == "auto":
            device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
        compute_type = compute_type or ("int8" if device == "cpu" else "float16")
        self._model: Any = ctranslate2.models.Whisper(
            str(folder), device=device, compute_type=compute_type, inter_threads=1, intra_threads=threads
        )
        self._to_view: Any = ctranslate2.StorageView.from_array
        self._float32: Any = ctranslate2.DataType.float32
        self.device = device
        self.compute_type: str = self._model.compute_type
        self.n_mels: int = self._model.n_mels
        self.is_multilingual: bool = self._model.is_multilingual

    def encode(self, mels: Sequence[np.ndarray]) -> list[np.ndarray]:
        """float32 [n_mels, frames] each -> encoder output [frames / 2, width] each."""
        encoded = self._model.encode(self._to_view(np.stack(mels)), to_cpu=True)
        if "bfloat16" in self.compute_type:  # numpy has no bfloat16
            encoded = encoded.to(self._float32)
        return list(np.array(encoded, copy=False))

    def detect(self, encoded: Sequence[np.ndarray]) -> list[dict[str, float]]:
        """For each row the probability of every language, likeliest first."""
        detections = self._model.detect_language(self._view(encoded))
        return [{token.strip("<|>"): probability for token, probability in detection} for detection in detections]

    def generate(
        self, encoded: Sequence[np.ndarray], prompts: Sequence[list[int]], decoding: Decoding
    ) -> list[Generated]:
        """Greedy or beam search; all prompts have the same length."""
        results = self._generate(encoded, prompts, decoding, return_scores=True)
        return [_generated(result, decoding.max_tokens) for result in results]

    def steps(
        self, encoded: np.ndarray, prompt: list[int], prefix: Sequence[int], decoding: Decoding
    ) -> tuple[list[np.ndarray], float]:
        """The logits of every step of the likeliest text that starts with `prefix`, and the no-speech probability."""
        result = self._generate([encoded], [[*prompt, *prefix]], decoding, return_logits_vocab=True)[0]
        return [np.array(step).reshape(-1) for step in result.logits[0]], result.no_speech_prob

    def align(
        self, encoded: Sequence[np.ndarray], sot: list[int], texts: Sequence[list[int]], frames: Sequence[int]
    ) -> list[Aligned]:
        """Align the text tokens of each row with the audio; `frames` is its number of mel frames without padding."""
        results = self._model.align(self._view(encoded), sot, list(texts), list(frames))
        return [Aligned(result.alignments, result.text_token_probs) for result in results]

    def _generate(
        self, encoded: Sequence[np.ndarray], prompts: Sequence[list[int]], decoding: Decoding, **options: bool
    ) -> Any:
        return self._model.generate(
            self._view(encoded),
            list(prompts),
            beam_size=decoding.beam,
            suppress_blank=decoding.suppress_blank,
            max_length=_max_length(len(prompts[0]), decoding.max_tokens),
            return_no_speech_prob=True,
            **options,
        )

    def _view(self, rows: Sequence[np.ndarray]) -> Any:
        return self._to_view(rows[0][None] if len(rows) == 1 else np.stack(rows))


def _max_length(prompt_tokens: int, max_tokens: int) -> int:
    """The `max_length` that makes CTranslate2 generate at most `max_tokens`, within the text context.

    Its limit is min(max_length / 2, max_length - prompt + 1) tokens.
    """
    return min(TEXT_CONTEXT, max(2 * max_tokens, max_tokens + prompt_tokens - 1))


def _generated(result: Any, max_tokens: int) -> Generated:
    """Convert a result. Its score is the sum of log probabilities / tokens without the end token (checked with logits)."""
    tokens = list(result.sequences_ids[0])
    total = float(result.scores[0]) * len(tokens) if tokens else 0.0  # without tokens the score is NaN
    return Generated(tokens, total / (len(tokens) + 1), float(result.no_speech_prob), len(tokens) >= max_tokens)
