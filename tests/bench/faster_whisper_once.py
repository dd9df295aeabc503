"""Transcribes one recording in the environment of the peers: `python faster_whisper_once.py REQUEST`.

REQUEST is JSON: model (a CTranslate2 folder), path (of the recording), how (`batched` or `sequential`), word_times,
language, threads. Prints JSON: seconds, words. The time includes decoding the file, but not loading the model and a
warm-up with 20 s.

Options other than the language and word timestamps are faster-whisper's defaults, among them beam 5.
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
WARM_UP_S = 20


def main() -> None:
    request = json.loads(sys.argv[1])
    device, compute_type = ("cuda", "float16") if ctranslate2.get_cuda_device_count() else ("cpu", "int8")
    model = WhisperModel(request["model"], device=device, compute_type=compute_type, cpu_threads=request["threads"])
    transcribe = _transcriber(
        model, request["how"], language=request["language"], word_timestamps=request["word_times"]
    )
    list(transcribe(decode_audio(request["path"])[: WARM_UP_S * RATE])[0])
    started_s = time.perf_counter()
    text = "".join(segment.text for segment in transcribe(request["path"])[0])
    print(json.dumps({"seconds": time.perf_counter() - started_s, "words": len(text.split())}))


def _transcriber(model: WhisperModel, how: str, **options: Any) -> Callable[[Any], Any]:
    if how == "batched":
        pipeline = BatchedInferencePipeline(model)
        return lambda audio: pipeline.transcribe(audio, batch_size=BATCH, **options)
    return lambda audio: model.transcribe(audio, **options)


if __name__ == "__main__":
    main()
