"""One stack for all end-to-end tests. A test that checks which data remains creates its own user."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fixtures import meeting as meetings
from support.front_door import FrontDoor
from support.user import User
from voicepipe_local.disposable_stack import DisposableStack
from voicepipe_wire.web import keys


@pytest.fixture(scope="session")
def door(stack: DisposableStack) -> Iterator[FrontDoor]:
    """The first user, an operator."""
    front = FrontDoor(stack.url, stack.api_key)
    yield front
    front.http.close()


@pytest.fixture(scope="session")
def real(real_stack: DisposableStack) -> Iterator[FrontDoor]:
    """A user of a stack with the default models."""
    front = FrontDoor(real_stack.url, real_stack.api_key)
    yield front
    front.http.close()


@pytest.fixture(scope="session")
def new_user(stack: DisposableStack) -> Iterator[Callable[[], User]]:
    users: list[User] = []

    def make() -> User:
        name = f"user-{uuid.uuid4().hex[:8]}"
        key = asyncio.run(keys.create(stack.database_url, name, "tests", operator=False))
        users.append(User(name, FrontDoor(stack.url, key), stack.database_url, stack.object_store))
        return users[-1]

    yield make
    for user in users:
        user.door.http.close()


@pytest.fixture(scope="session")
def spoken() -> meetings.Recording:
    """20 seconds in which two voices speak."""
    return meetings.compose(20, ["linda", "robert"], seed=3)


@pytest.fixture(scope="session")
def spoken_wav(spoken: meetings.Recording, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return spoken.save(tmp_path_factory.mktemp("spoken") / "spoken.wav")


@pytest.fixture
def resume_transcription(stack: DisposableStack) -> Iterator[Callable[[], None]]:
    """Transcription is stopped, so chunks stay queued, until the test calls this or ends."""
    stack.stop_component("transcribe-accurate")
    yield lambda: stack.start_component("transcribe-accurate")
    if stack.component("transcribe-accurate")["state"] == "stopped":
        stack.start_component("transcribe-accurate")
