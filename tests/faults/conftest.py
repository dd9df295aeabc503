"""One complete stack of real processes. A test may kill any of them, and leaves the stack healthy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures.meeting import Recording, compose
from fixtures.score import wer
from support.front_door import FrontDoor, words
from voicepipe_local.disposable_stack import DisposableStack
from voicepipe_local.testing import stacks

# The commands of a dead worker are delivered again after seconds, and chunks are transcribed one at a time, so that a
# process can die in the middle of a job.
ENVIRONMENT = {
    "VOICEPIPE_ACK_WAIT_S": "3",
    "VOICEPIPE_WINDOW_CHUNKS": "1",
    "VOICEPIPE_SWEEP_EVERY_S": "2",
    "VOICEPIPE_STUCK_AFTER_S": "10",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(400))


@pytest.fixture(scope="package")
def stack() -> Iterator[DisposableStack]:
    with stacks() as start:
        yield start(env=ENVIRONMENT)


@pytest.fixture(scope="package")
def door(stack: DisposableStack) -> Iterator[FrontDoor]:
    front = FrontDoor(stack.url, stack.api_key)
    yield front
    front.http.close()


@pytest.fixture(scope="package")
def meeting() -> Recording:
    """Long enough for several chunks."""
    return compose(100, ["linda", "robert", "steph"], seed=5)


@pytest.fixture(scope="package")
def audio(meeting: Recording, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return meeting.save(tmp_path_factory.mktemp("faults") / "meeting.wav").read_bytes()


@pytest.fixture(scope="package")
def undisturbed(door: FrontDoor, audio: bytes, meeting: Recording) -> list[str]:
    """The words of the meeting without any fault."""
    document = door.completed(door.accepted(audio))
    assert wer(meeting.text, document["text"]) <= 0.05
    return words(document)
