"""pyannote.audio's own pipeline on the models that the product has: a program, run in `.venv-diarizer`.

Reads JSON from standard input: `model` (a folder), `threads`, and `recordings`, a list of `{"id", "path"}`. Prints one line of JSON
for each recording as soon as it is done: `id` and `turns` (lists of start_s, end_s, who). The networks and their parameters are those
of the folder; the pipeline is `SpeakerDiarization` as it comes, with several channels mixed into one.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ["PYANNOTE_METRICS_ENABLED"] = "0"

import soundfile
import torch
import torchaudio.functional
from pyannote.audio.pipelines import SpeakerDiarization
from voicepipe_diarizer.model import read_pipeline

RATE = 16_000


def main() -> None:
    order = json.load(sys.stdin)
    torch.set_num_threads(order["threads"])
    pipeline = read_pipeline(Path(order["model"]), SpeakerDiarization)
    for recording in order["recordings"]:
        found = pipeline({"waveform": _waveform(recording["path"]), "sample_rate": RATE, "uri": recording["id"]})
        turns = [
            (round(turn.start, 3), round(turn.end, 3), who)
            for turn, _, who in found.speaker_diarization.itertracks(yield_label=True)
        ]
        print(json.dumps({"id": recording["id"], "turns": turns}), flush=True)


def _waveform(path: str) -> torch.Tensor:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    waveform = torch.from_numpy(samples.mean(axis=1))[None]
    return waveform if rate == RATE else torchaudio.functional.resample(waveform, rate, RATE)


if __name__ == "__main__":
    main()
