"""One stack for all end-to-end tests; each that counts what is left has a user of its own."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from fixtures import meeting as meetings
from psycopg.sql import SQL, Identifier
from support.front_door import FrontDoor
from voicepipe_local.disposable_stack import DisposableStack
from voicepipe_local.objectstore import ObjectStore
from voicepipe_wire.web import keys


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with a key, and what of theirs lies in PostgreSQL and the object store."""

    name: str
    door: FrontDoor
    database_url: str
    store: ObjectStore

    @property
    def owner_id(self) -> str:
        with psycopg.connect(self.database_url) as connection:
            return str(connection.execute("SELECT id FROM users WHERE name = %s", [self.name]).fetchone()[0])

    def left(self) -> list[str]:
        """Rows, objects and multipart uploads."""
        owner_id, tables = self.owner_id, ("uploads", "recordings", "jobs", "stages", "chunks", "transcripts")
        with psycopg.connect(self.database_url) as connection:
            queries = [(table, SQL("SELECT to_json(t) FROM {} t WHERE owner_id = %s")) for table in tables]
            rows = [
                f"{table} {row[0]}"
                for table, query in queries
                for row in connection.execute(query.format(Identifier(table)), [owner_id])
            ]
        client, bucket = self.store.client(), self.store.bucket
        objects = [item.object_name for item in client.list_objects(bucket, recursive=True)]
        begun = [item.object_name for item in client._list_multipart_uploads(bucket).uploads]
        return rows + [key for key in objects + begun if owner_id in key]


@pytest.fixture(scope="session")
def door(stack: DisposableStack) -> Iterator[FrontDoor]:
    """The first user, an operator."""
    front = FrontDoor(stack.url, stack.api_key)
    yield front
    front.http.close()


@pytest.fixture(scope="session")
def new_user(stack: DisposableStack) -> Iterator[Callable[[], User]]:
    made: list[User] = []

    def make() -> User:
        name = f"user-{uuid.uuid4().hex[:8]}"
        key = asyncio.run(keys.create(stack.database_url, name, "tests", operator=False))
        made.append(User(name, FrontDoor(stack.url, key), stack.database_url, stack.object_store))
        return made[-1]

    yield make
    for user in made:
        user.door.http.close()


@pytest.fixture(scope="session")
def spoken() -> meetings.Recording:
    """20 seconds in which two voices speak."""
    return meetings.compose(20, ["linda", "robert"], seed=3)


@pytest.fixture(scope="session")
def spoken_wav(spoken: meetings.Recording, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return spoken.save(tmp_path_factory.mktemp("spoken") / "spoken.wav")


@pytest.fixture
def nobody_transcribes(stack: DisposableStack) -> Iterator[Callable[[], None]]:
    """Jobs get no further than to the queue of chunks, until it is called (or the test is over)."""
    stack.stop_component("transcribe")
    yield lambda: stack.start_component("transcribe")
    if stack.component("transcribe")["state"] == "stopped":
        stack.start_component("transcribe")
