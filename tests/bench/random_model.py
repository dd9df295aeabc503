"""Creates a Whisper with random weights in the sizes `small` to `large-v3`: its cost is real, its text always the same.

    .venv-triton/bin/python tests/bench/random_model.py large-v3 OUT_DIR

The weights are random but small, so the residual stream stays what the position encodings of the decoder put there: at
each position the embedding of the next token. Every chunk gets the same 80 tokens (28 s of English speech), then the
end.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from ctranslate2.specs import WhisperSpec

FIXTURE = Path(__file__).parents[1] / "fixtures" / "whisper" / "model"
AUDIO_CONTEXT, TEXT_CONTEXT = 1500, 448
PROMPT_TOKENS = 4  # start, language, task, no timestamps
SPOKEN_TOKENS = 80
LOUD, QUIET = 10.0, 0.01


@dataclass(frozen=True, slots=True)
class Size:
    """The size of openai-whisper's model of that name. Encoder and decoder have the same number of layers."""

    layers: int
    heads: int
    width: int
    mels: int = 80


SIZES = {
    "tiny": Size(4, 6, 384),
    "base": Size(6, 8, 512),
    "small": Size(12, 12, 768),
    "medium": Size(24, 16, 1024),
    "large-v3": Size(32, 20, 1280, mels=128),
}


class RandomSpec:
    """A WhisperSpec with every variable set."""

    def __init__(self, size: Size, vocabulary: list[str]) -> None:
        self._size = size
        self._rng = np.random.default_rng(0)
        self._vocabulary = vocabulary
        self.spec = WhisperSpec(size.layers, size.heads, size.layers, size.heads)
        self._encoder(self.spec.encoder)
        self._decoder(self.spec.decoder)

    def _encoder(self, encoder: Any) -> None:
        width = self._size.width
        encoder.conv1.weight, encoder.conv1.bias = self._random(width, self._size.mels, 3), self._zeros(width)
        encoder.conv2.weight, encoder.conv2.bias = self._random(width, width, 3), self._zeros(width)
        encoder.position_encodings.encodings = self._random(AUDIO_CONTEXT, width)
        self._norm(encoder.layer_norm)
        for layer in encoder.layer:
            self._attention(layer.self_attention, (3, 1))
            self._feed_forward(layer.ffn)

    def _decoder(self, decoder: Any) -> None:
        width = self._size.width
        embeddings = self._rng.standard_normal((len(self._vocabulary), width), np.float32) / np.sqrt(np.float32(width))
        decoder.embeddings.weight = decoder.projection.weight = embeddings
        decoder.position_encodings.encodings = LOUD * embeddings[self._tokens()]
        self._norm(decoder.layer_norm)
        for layer in decoder.layer:
            self._attention(layer.self_attention, (3, 1))
            self._attention(layer.attention, (1, 2, 1))
            self._feed_forward(layer.ffn)

    def _tokens(self) -> list[int]:
        """The token after each position: English, then words, then only the end token."""
        words = [i for i, token in enumerate(self._vocabulary[:20_000]) if token[0] == "Ġ" and token[1:].isalpha()]
        end = self._vocabulary.index("<|endoftext|>")
        tokens = [self._vocabulary.index("<|en|>"), *[end] * (PROMPT_TOKENS - 2)]
        tokens += [int(word) for word in self._rng.choice(words, SPOKEN_TOKENS, replace=False)]
        return tokens + [end] * (TEXT_CONTEXT - len(tokens))

    def _attention(self, attention: Any, blocks: tuple[int, ...]) -> None:
        self._norm(attention.layer_norm)
        for linear, count in zip(attention.linear, blocks, strict=True):
            self._linear(linear, count * self._size.width, self._size.width)

    def _feed_forward(self, ffn: Any) -> None:
        self._norm(ffn.layer_norm)
        self._linear(ffn.linear_0, 4 * self._size.width, self._size.width)
        self._linear(ffn.linear_1, self._size.width, 4 * self._size.width)

    def _linear(self, linear: Any, outputs: int, inputs: int) -> None:
        linear.weight, linear.bias = self._random(outputs, inputs), self._zeros(outputs)

    def _norm(self, norm: Any) -> None:
        norm.gamma, norm.beta = np.ones(self._size.width, np.float32), self._zeros(self._size.width)

    def _random(self, *shape: int) -> np.ndarray:
        return self._rng.standard_normal(shape, np.float32) * np.float32(QUIET)

    def _zeros(self, length: int) -> np.ndarray:
        return np.zeros(length, np.float32)


def main() -> None:
    size, out = SIZES[sys.argv[1]], Path(sys.argv[2])
    vocabulary = json.loads((FIXTURE / "vocabulary.json").read_text())
    known = json.loads((FIXTURE / "config.json").read_text())
    spec = RandomSpec(size, vocabulary).spec
    spec.config.suppress_ids = known["suppress_ids"]
    spec.config.suppress_ids_begin = known["suppress_ids_begin"]
    spec.config.lang_ids = known["lang_ids"]
    spec.config.alignment_heads = [[size.layers - 1, head] for head in range(size.heads)]
    spec.register_vocabulary(vocabulary)
    spec.validate()
    spec.optimize(quantization="int8")
    out.mkdir(parents=True, exist_ok=True)
    spec.save(str(out))
    shutil.copyfile(FIXTURE / "tokenizer.json", out / "tokenizer.json")
    preprocessor = json.loads((FIXTURE / "preprocessor_config.json").read_text())
    (out / "preprocessor_config.json").write_text(json.dumps(preprocessor | {"feature_size": size.mels}))
    print(f"{out}: {(out / 'model.bin').stat().st_size >> 20} MB, ctranslate2 {ctranslate2.__version__}")


if __name__ == "__main__":
    main()
