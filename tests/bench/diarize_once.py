"""One recording through the diarization pipeline, in the environment of the diarizer: `python diarize_once.py ORDER`.

ORDER is JSON: model (folder), pcm (s16le file), stock (whether with the pipeline of pyannote.audio as it is), threads. Answers
with JSON: seconds, peak_mb, loaded_mb (before the first sample), turns, speakers.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path

os.environ["PYANNOTE_METRICS_ENABLED"] = "0"
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from pyannote.audio.pipelines import SpeakerDiarization
from voicepipe_diarizer.model import load, read_pipeline
from voicepipe_diarizer.settings import Settings


def main() -> None:
    order = json.loads(sys.argv[1])
    torch.set_num_threads(order["threads"])
    if order["stock"]:
        pipeline = read_pipeline(Path(order["model"]), SpeakerDiarization)
    else:
        nowhere = {"database_url": "-", "s3_access_key": "-", "s3_secret_key": "-"}
        pipeline = load(Settings(**nowhere, diarization_model=order["model"], threads=order["threads"])).pipeline
    loaded_mb = _peak_mb()
    samples = np.fromfile(order["pcm"], "<i2").astype(np.float32) / 32768
    file = {"waveform": torch.from_numpy(samples)[None], "sample_rate": 16_000, "uri": "recording"}
    began = time.perf_counter()
    said = pipeline(file).speaker_diarization
    seconds = time.perf_counter() - began
    answer = {"seconds": seconds, "peak_mb": _peak_mb(), "loaded_mb": loaded_mb}
    print(json.dumps({**answer, "turns": len(said), "speakers": len(said.labels())}))


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


if __name__ == "__main__":
    main()
