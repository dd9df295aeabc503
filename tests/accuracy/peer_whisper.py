"""faster-whisper on a list of recordings: a program, run in `.venv-peers`.

Reads JSON from standard input: `model` (a CTranslate2 folder), `how` (`sequential`, `filtered` or `batched`), `threads`, and `recordings`, a
list of `{"id", "path"}`. Prints one line of JSON for each recording as soon as it is done: `id`, `languages`, `text` and `words`
(lists of start_s, end_s, text).

Options are faster-whisper's own defaults: beam 5, the language found in the first 30 s, eight chunks in a batch. `filtered` is the
sequential pipeline with the speech filter, which the batched one has by default and the sequential one has not.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from faster_whisper import BatchedInferencePipeline, WhisperModel

BATCH = 8


def main() -> None:
    order = json.load(sys.stdin)
    model = WhisperModel(order["model"], device="cpu", compute_type="int8", cpu_threads=order["threads"])
    pipeline = BatchedInferencePipeline(model) if order["how"] == "batched" else None
    for recording in order["recordings"]:
        print(json.dumps(_heard(model, pipeline, order, recording), ensure_ascii=False), flush=True)


def _heard(
    model: WhisperModel, pipeline: BatchedInferencePipeline | None, order: dict[str, Any], recording: dict[str, str]
) -> dict[str, Any]:
    if pipeline:
        found, about = pipeline.transcribe(recording["path"], word_timestamps=True, batch_size=BATCH)
    else:
        found, about = model.transcribe(recording["path"], word_timestamps=True, vad_filter=order["how"] == "filtered")
    segments = list(found)
    return {
        "id": recording["id"],
        "languages": [about.language],
        "text": "".join(segment.text for segment in segments).strip(),
        "words": [(w.start, w.end, w.word.strip()) for segment in segments for w in segment.words or ()],
    }


if __name__ == "__main__":
    main()
