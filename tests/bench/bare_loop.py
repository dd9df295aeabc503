"""The baseline of `large`: CTranslate2 alone, over chunks in batches.

    .venv-triton/bin/python tests/bench/bare_loop.py '{"model": ..., "pcm": ..., "chunks": [[[0, 448000]], ...], "batch": 8, "beam": 5}'

It has the same model, threads, log-mel, beam and alignment as the pipeline. The language is known, and tokens are not
joined into words. Prints {"seconds", "mel_s", "encode_s", "generate_s", "align_s", "tokens", "batches"}; loading the
model is not included.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from tokenizers import Tokenizer

MEL = Path(__file__).parents[2] / "triton-models" / "whisper" / "1" / "mel.py"
HOP = 160
PROMPT = ("<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>")


class Clock:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        started_s = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started_s


def _log_mel(n_mels: int) -> Any:
    spec = importlib.util.spec_from_file_location("mel", MEL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.LogMel(n_mels)


def main() -> None:
    request = json.loads(sys.argv[1])
    folder, beam = Path(request["model"]), request["beam"]
    threads = os.cpu_count() or 1
    device, compute_type = ("cuda", "float16") if ctranslate2.get_cuda_device_count() else ("cpu", "int8")
    model = ctranslate2.models.Whisper(str(folder), device=device, compute_type=compute_type, intra_threads=threads)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    prompt = [tokenizer.token_to_id(token) for token in PROMPT]
    end = tokenizer.token_to_id("<|endoftext|>")
    mel, clock, tokens = _log_mel(model.n_mels), Clock(), 0
    recording = np.fromfile(request["pcm"], "<i2")
    chunks = [np.concatenate([recording[start:stop] for start, stop in spans]) for spans in request["chunks"]]
    batches = [chunks[first : first + request["batch"]] for first in range(0, len(chunks), request["batch"])]
    started_s = time.perf_counter()
    for batch in batches:
        with clock.timed("mel_s"):
            mels = ctranslate2.StorageView.from_array(np.stack([mel(chunk) for chunk in batch]))
        with clock.timed("encode_s"):
            encoded = model.encode(mels)
        with clock.timed("generate_s"):
            results = model.generate(
                encoded, [prompt] * len(batch), beam_size=beam, suppress_blank=False, max_length=448,
                return_scores=True, return_no_speech_prob=True,
            )  # fmt: skip
        texts = [[token for token in result.sequences_ids[0] if token < end] for result in results]
        with clock.timed("align_s"):
            model.align(encoded, prompt[:3], texts, [len(chunk) // HOP for chunk in batch])
        tokens += sum(map(len, texts))
    seconds = time.perf_counter() - started_s
    print(json.dumps({"seconds": seconds, "tokens": tokens, "batches": len(batches), **clock.seconds}))


if __name__ == "__main__":
    main()
