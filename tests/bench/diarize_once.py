"""Diarizes one recording, in the environment of the diarizer: `python diarize_once.py REQUEST`.

REQUEST is JSON: model (folder), pcm (s16le file), stock (whether to use the unmodified pipeline of pyannote.audio),
threads. Prints JSON: seconds, peak_mb, loaded_mb (before the first sample), turns, speakers.
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
    request = json.loads(sys.argv[1])
    torch.set_num_threads(request["threads"])
    if request["stock"]:
        pipeline = read_pipeline(Path(request["model"]), SpeakerDiarization)
    else:
        unused = {"database_url": "-", "s3_access_key": "-", "s3_secret_key": "-"}
        pipeline = load(Settings(**unused, diarization_model=request["model"], threads=request["threads"])).pipeline
    loaded_mb = _peak_mb()
    samples = np.fromfile(request["pcm"], "<i2").astype(np.float32) / 32768
    file = {"waveform": torch.from_numpy(samples)[None], "sample_rate": 16_000, "uri": "recording"}
    started_s = time.perf_counter()
    diarization = pipeline(file).speaker_diarization
    seconds = time.perf_counter() - started_s
    answer = {"seconds": seconds, "peak_mb": _peak_mb(), "loaded_mb": loaded_mb}
    print(json.dumps({**answer, "turns": len(diarization), "speakers": len(diarization.labels())}))


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


if __name__ == "__main__":
    main()
