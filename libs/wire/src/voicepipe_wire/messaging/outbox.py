"""A change of state and the messages that it causes, in one transaction.

After the commit the messages are published at once; `relay` publishes what a crash or an absent broker left behind. The id of
a row is the id of its message, so JetStream drops the second copy of one that was published and not marked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID, uuid4

import asyncpg
import structlog
from google.protobuf.message import Message

from voicepipe_wire.storage.database import TRANSIENT_ERRORS, Connection, Pool

from . import subjects
from .envelope import headers_for

log = structlog.get_logger(__name__)


class Publisher(Protocol):
    """A broker that keeps what it was given.

    `publish` returns the message's sequence in its stream once it is stored. It raises ConnectionError when the broker
    is away, within seconds; whether the message was stored is then not known, so the same id is published again.
    """

    async def publish(self, subject: str, payload: bytes, headers: dict[str, str]) -> int: ...


class HasOwner(Protocol):
    """A job, or anything else with the id of a job and its owner."""

    @property
    def id(self) -> UUID: ...

    @property
    def owner_id(self) -> UUID: ...


@dataclass(frozen=True, slots=True)
class Owned:
    """The ids of a job that is not loaded, or no longer exists."""

    id: UUID
    owner_id: UUID


@dataclass(frozen=True, slots=True)
class Outgoing:
    id: UUID
    subject: str
    headers: dict[str, str]
    payload: bytes
    work: str | None = None
    job_id: UUID | None = None
    owner_id: UUID | None = None


@dataclass(slots=True)
class Transaction:
    """An open transaction: change state on `connection`, say what it causes; all of it is committed, or nothing."""

    connection: Connection
    source: str
    outgoing: list[Outgoing] = field(default_factory=list)

    def command(
        self, work: str, priority: str, message: Message, *, job_id: UUID | None, owner_id: UUID | None
    ) -> None:
        """Put work into a queue. `work` is the stage, for a chunk with its index: `transcribe/7`."""
        stage = work.partition("/")[0]
        self._add(subjects.work(stage, priority), message, work=work, job_id=job_id, owner_id=owner_id)

    def event(self, job: HasOwner, message: Message) -> None:
        """Announce `message` to the owner of a job."""
        self._add(subjects.event(job.owner_id, job.id, message), message, job_id=job.id, owner_id=job.owner_id)

    def _add(self, subject: str, message: Message, **fields: Any) -> None:
        message_id = uuid4()
        headers = headers_for(message, message_id, self.source)
        self.outgoing.append(Outgoing(message_id, subject, headers, message.SerializeToString(), **fields))


class Outbox:
    def __init__(self, pool: Pool, publisher: Publisher, source: str) -> None:
        self._pool = pool
        self._publisher = publisher
        self._source = source

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Commits when the block ends. Raises what is in `database.TRANSIENT_ERRORS` when PostgreSQL is lost on the way."""
        async with self._pool.acquire() as connection:
            try:
                async with connection.transaction():
                    transaction = Transaction(connection, self._source)
                    yield transaction
                    await _insert(connection, transaction.outgoing)
            except asyncpg.InterfaceError as error:
                # The driver's word for wrong use and for a connection that is gone.
                if connection.is_closed():
                    raise ConnectionError("PostgreSQL went away") from error
                raise
        await self._publish_committed(transaction.outgoing)

    async def relay(self, *, older_than_s: float = 2.0, limit: int = 200) -> int:
        """Publish what was left behind, oldest first, and say how many that were. Safe beside other relays."""
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(
                """
                SELECT id, subject, headers, payload, work FROM outbox
                WHERE published_at IS NULL AND created_at < now() - make_interval(secs => $1)
                ORDER BY position LIMIT $2 FOR UPDATE SKIP LOCKED
                """,
                older_than_s,
                limit,
            )
            left = [Outgoing(row["id"], row["subject"], row["headers"], row["payload"], row["work"]) for row in rows]
            published = await self._publish_in_order(left)
            await _mark_published(connection, published)
            return len(published)

    async def _publish_committed(self, outgoing: Sequence[Outgoing]) -> None:
        """After the commit, so nothing here may tell the caller that the change did not happen."""
        try:
            if published := await self._publish_in_order(outgoing):
                await _mark_published(self._pool, published)
        except TRANSIENT_ERRORS as error:
            log.warning("published and not marked: the relay sends a second copy", error=type(error).__name__)

    async def _publish_in_order(self, outgoing: Sequence[Outgoing]) -> list[tuple[Outgoing, int]]:
        published: list[tuple[Outgoing, int]] = []
        for message in outgoing:
            try:
                sequence = await self._publisher.publish(message.subject, message.payload, message.headers)
            except ConnectionError:
                log.warning("broker is away, the outbox keeps the messages", kept=len(outgoing) - len(published))
                break
            published.append((message, sequence))
        return published


async def _insert(connection: Connection, outgoing: Sequence[Outgoing]) -> None:
    await connection.executemany(
        """
        INSERT INTO outbox (id, subject, headers, payload, work, job_id, owner_id) VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        [(m.id, m.subject, m.headers, m.payload, m.work, m.job_id, m.owner_id) for m in outgoing],
    )


async def _mark_published(connection: Connection, published: Sequence[tuple[Outgoing, int]]) -> None:
    if events := [m.id for m, _ in published if m.work is None]:
        await connection.execute("DELETE FROM outbox WHERE id = ANY($1)", events)
    if commands := [(m.id, sequence) for m, sequence in published if m.work is not None]:
        await connection.executemany("UPDATE outbox SET published_at = now(), stream_seq = $2 WHERE id = $1", commands)
