"""A complete stack with real Whisper and a real diarizer, and the phone call from pyannote.audio: 30 s, two people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile
from accuracy.corpus import phone_call
from support.front_door import FrontDoor
from voicepipe_local.disposable_stack import DisposableStack
from voicepipe_local.testing import real_models, stacks

from .stack_settings import ENVIRONMENT, PART_S


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(400))


@pytest.fixture(scope="package")
def stack() -> Iterator[DisposableStack]:
    real_models()
    with stacks() as start:
        yield start(env=ENVIRONMENT)


@pytest.fixture(scope="package")
def door(stack: DisposableStack) -> Iterator[FrontDoor]:
    front = FrontDoor(stack.url, stack.api_key)
    yield front
    front.http.close()


@pytest.fixture(scope="package")
def audio(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The twelve seconds of `PART_S`, as a file."""
    samples, rate = soundfile.read(phone_call().path, dtype="int16")
    path = tmp_path_factory.mktemp("speakers") / "call.wav"
    soundfile.write(path, samples[round(PART_S[0] * rate) : round(PART_S[1] * rate)], rate)
    return path.read_bytes()


@pytest.fixture(scope="package")
def call_id(door: FrontDoor) -> str:
    """The completed job of the whole call, with speakers."""
    job_id = door.accepted(phone_call().path, diarize="true", min_speakers="2", max_speakers="4")
    door.completed(job_id, 300)
    return job_id
