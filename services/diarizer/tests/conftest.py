"""The fixture model, loaded once, and recordings for it."""

from __future__ import annotations

import os
from pathlib import Path

os.environ["PYANNOTE_METRICS_ENABLED"] = "0"
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import pytest
import torch
from fixtures.meeting import Recording
from voicepipe_diarizer.model import Model, load
from voicepipe_diarizer.settings import Settings

MODEL = Path(__file__).parents[3] / "tests/fixtures/pyannote/model"


def settings(**more) -> Settings:
    return Settings(database_url="postgres://", s3_access_key="a", s3_secret_key="s", **more)


@pytest.fixture(scope="session")
def model() -> Model:
    return load(settings(diarization_model=str(MODEL)))


def samples_of(recording: Recording) -> torch.Tensor:
    return torch.from_numpy(recording.samples.astype(np.float32) / 32768)[None]
