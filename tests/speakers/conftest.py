"""A whole line with a real diarizer, and meetings of voices that its models never heard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.front_door import FrontDoor
from fixtures.conversation import converse
from fixtures.meeting import Recording
from voicepipe_local.testing import DIARIZATION_FIXTURE, stacks
from voicepipe_local.trial import TrialStack

# What a dead worker had in hand comes back after seconds.
ENVIRONMENT = {
    "VOICEPIPE_DIARIZATION_MODEL": str(DIARIZATION_FIXTURE),
    "VOICEPIPE_ACK_WAIT_S": "3",
    "VOICEPIPE_SWEEP_EVERY_S": "2",
    "VOICEPIPE_MAX_DIARIZED_S": "330",
}
VOICES = ("annie", "david", "linda", "travis")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(400))


@pytest.fixture(scope="package")
def line() -> Iterator[TrialStack]:
    with stacks() as start:
        yield start(env=ENVIRONMENT)


@pytest.fixture(scope="package")
def door(line: TrialStack) -> Iterator[FrontDoor]:
    front = FrontDoor(line.url, line.api_key)
    yield front
    front.http.close()


@pytest.fixture(scope="package")
def meeting() -> Recording:
    """Two people, a minute."""
    return converse(60, VOICES[:2], seed=21)


@pytest.fixture(scope="package")
def audio(meeting: Recording, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return meeting.save(tmp_path_factory.mktemp("speakers") / "meeting.wav").read_bytes()
