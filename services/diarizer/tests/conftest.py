"""The fixture model, loaded once, and recordings for it."""

from __future__ import annotations

from pathlib import Path

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
