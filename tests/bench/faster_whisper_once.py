"""One recording through faster-whisper, in the environment of the peers: `python faster_whisper_once.py ORDER`.

ORDER is JSON: model (a CTranslate2 folder), path (of the recording), how (`batched` or `sequential`), word_times, language, threads.
Answers with JSON: seconds, words. Loading the model and a first pass over 20 s do not count; decoding the file does.

Beside the language and the times of words, options are faster-whisper's own defaults, beam 5 among them.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import ctranslate2
from faster_whisper import BatchedInferencePipeline, WhisperModel
from faster_whisper.audio import decode_audio

BATCH = 8
RATE = 16_000
FIRST_S = 20


def main() -> None:
    order = json.loads(sys.argv[1])
    device, compute_type = ("cuda", "float16") if ctranslate2.get_cuda_device_count() else ("cpu", "int8")
    model = WhisperModel(order["model"], device=device, compute_type=compute_type, cpu_threads=order["threads"])
    transcribe = _way(model, order["how"], language=order["language"], word_timestamps=order["word_times"])
    list(transcribe(decode_audio(order["path"])[: FIRST_S * RATE])[0])
    began = time.perf_counter()
    text = "".join(segment.text for segment in transcribe(order["path"])[0])
    print(json.dumps({"seconds": time.perf_counter() - began, "words": len(text.split())}))


def _way(model: WhisperModel, how: str, **options: Any) -> Callable[[Any], Any]:
    if how == "batched":
        pipeline = BatchedInferencePipeline(model)
        return lambda audio: pipeline.transcribe(audio, batch_size=BATCH, **options)
    return lambda audio: model.transcribe(audio, **options)


if __name__ == "__main__":
    main()
