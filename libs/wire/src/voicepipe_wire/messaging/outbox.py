"""The transactional outbox: a change of state and the messages that it causes are committed together.

Invariants:

- Commit before publish: `transaction` inserts the rows inside the transaction and publishes after it. A change that is
  rolled back publishes nothing.
- A committed message is published at least once: directly after the commit, or else by `relay`, which takes only rows
  older than `older_than_s` so that it rarely meets the direct publish.
- The id of a row is the `Nats-Msg-Id` of its message, so the stream drops a second copy within its duplicate window and
  acknowledges it with the sequence of the first. Marking twice therefore writes the same sequence.
- The events of a transaction are published before its commands. Otherwise a fast worker could announce the next state
  of the job before this one is announced.
- Progress is no state: it is sent once after the commit, without a row, and nobody misses what is lost.
- An event's row is deleted when it is published. A command's row keeps its stream sequence until the job ends, because
  the sweeper compares the two.

Races:

- A crash or a lost database between publish and mark: the relay publishes a second copy, which the stream drops. One
  that comes after the duplicate window is stored, so handlers are safe to repeat.
- Two relays at once: `FOR UPDATE SKIP LOCKED` gives each row to one of them. A relay that overtakes a slow direct
  publish sends the same id.
- A command is published after its job has ended: `claim` finds nothing to do, and the command is acked.
- A command is handed back (`publish_again`) while the sweeper queues it again: there are two commands, and handlers are
  safe to repeat.
- An outage in the middle of a transaction's messages: `_publish_in_order` stops at the first failure of a stream, so the rest of that stream
  follows in order, and a broken EVENTS holds up no command. Messages of different transactions may overtake each other.
- A command is put back with a delay (`publish_again`), and the process dies: the row is unpublished and has a due time, so the relay publishes it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID, uuid4

import structlog
from google.protobuf.message import Message

from voicepipe_wire.errors import Unavailable
from voicepipe_wire.failures import tolerating_outages
from voicepipe_wire.storage.database import Connection, Pool

from . import subjects
from .envelope import headers_for, renumbered
from .subjects import Queue

log = structlog.get_logger(__name__)


class Publisher(Protocol):
    """A broker with durable streams."""

    async def publish(self, subject: str, payload: bytes, headers: dict[str, str]) -> int:
        """Store the message and return its stream sequence.

        Raises:
            Unavailable: within seconds, when the broker is. The message may have been stored, so the same id is published
                again.
        """

    async def send(self, subject: str, payload: bytes = b"", *, headers: dict[str, str] | None = None) -> None:
        """Publish without waiting for an answer.

        Raises:
            Unavailable: when the broker is.
        """


class HasOwner(Protocol):
    """A job, or anything else that has the ids of a job and its owner."""

    @property
    def id(self) -> UUID: ...

    @property
    def owner_id(self) -> UUID: ...


@dataclass(frozen=True, slots=True)
class Owned:
    """The ids of a job that is not loaded or no longer exists."""

    id: UUID
    owner_id: UUID


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A row of `outbox`. `work` names a command's stage and chunk, such as `transcribe/7`; None for an event."""

    id: UUID
    subject: str
    headers: dict[str, str]
    payload: bytes
    work: str | None = None
    job_id: UUID | None = None
    owner_id: UUID | None = None
    # Not published before this has passed.
    delay_s: float = 0.0


@dataclass(slots=True)
class Transaction:
    """An open transaction: changes made on `connection` and the messages added here are committed together."""

    connection: Connection
    source: str
    outgoing: list[Outgoing] = field(default_factory=list)
    passing: list[Outgoing] = field(default_factory=list)

    def command(
        self,
        queue: Queue,
        priority: str,
        message: Message,
        *,
        job_id: UUID | None,
        owner_id: UUID | None,
        work: str | None = None,
    ) -> None:
        """Add a command. `work` names what it is about; by default its stage."""
        work = work or queue.stage
        self.outgoing.append(
            self._outgoing(queue.subject(priority), message, work=work, job_id=job_id, owner_id=owner_id)
        )

    def event(self, job: HasOwner, message: Message) -> None:
        """Add an event for the owner of a job."""
        self.outgoing.append(self._event(job, message))

    def progress(self, job: HasOwner, message: Message) -> None:
        """Add an event that nobody misses if it is lost: the next one says more."""
        self.passing.append(self._event(job, message))

    def _event(self, job: HasOwner, message: Message) -> Outgoing:
        return self._outgoing(
            subjects.event(job.owner_id, job.id, message), message, job_id=job.id, owner_id=job.owner_id
        )

    def _outgoing(self, subject: str, message: Message, **fields: Any) -> Outgoing:
        message_id = uuid4()
        return Outgoing(
            message_id, subject, headers_for(message, message_id, self.source), message.SerializeToString(), **fields
        )


class Outbox:
    def __init__(self, pool: Pool, publisher: Publisher, source: str) -> None:
        self._pool = pool
        self._publisher = publisher
        self._source = source

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Commit when the block ends, then publish.

        Raises:
            Unavailable: PostgreSQL is. An unpublished message raises nothing: the relay sends it.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            transaction = Transaction(connection, self._source)
            yield transaction
            outgoing = _events_first(transaction.outgoing)
            await _insert(connection, outgoing)
        await self._publish_committed([message for message in outgoing if not message.delay_s])
        await self._send_passing(transaction.passing)

    async def publish_again(self, message_id: UUID, *, delay_s: float = 0.0) -> bool:
        """Publish a command as a new message that takes the place of the old one; False if it is no longer known.

        It is not known if its job has ended, or if a newer message has taken its place. The sweeper then looks for the new
        message. The caller acks the old one. After a delay the relay publishes it.

        Raises:
            Unavailable: PostgreSQL is.
        """
        async with self.transaction() as transaction:
            row = await transaction.connection.fetchrow(
                "DELETE FROM outbox WHERE id = $1 RETURNING subject, headers, payload, work, job_id, owner_id",
                message_id,
            )
            if row is None:
                return False
            new_id = uuid4()
            fields = {**row, "headers": renumbered(row["headers"], new_id), "delay_s": delay_s}
            transaction.outgoing.append(Outgoing(new_id, **fields))
        return True

    async def relay(self, *, older_than_s: float = 2.0, limit: int = 200) -> int:
        """Publish unpublished messages that are due, oldest first, and return their number. Several relays may run at once.

        Commands have a batch of their own, before the events: however many events wait for a broken stream, work continues.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            published: list[tuple[Outgoing, int]] = []
            for is_command in (True, False):
                rows = await connection.fetch(
                    """
                    SELECT id, subject, headers, payload, work FROM outbox
                    WHERE published_at IS NULL AND due_at < now() - make_interval(secs => $1) AND (work IS NOT NULL) = $3
                    ORDER BY position LIMIT $2 FOR UPDATE SKIP LOCKED
                    """,
                    older_than_s,
                    limit,
                    is_command,
                )
                published += await self._publish_in_order([Outgoing(**row) for row in rows])
            await _mark_published(connection, published)
            return len(published)

    async def _publish_committed(self, outgoing: Sequence[Outgoing]) -> None:
        """Runs after the commit, so no error may reach the caller: it would read as a change that did not happen."""
        with tolerating_outages("messages published but not marked, the relay will send a second copy"):
            if published := await self._publish_in_order(outgoing):
                await _mark_published(self._pool, published)

    async def _send_passing(self, messages: Sequence[Outgoing]) -> None:
        with tolerating_outages("progress not sent"):
            for message in messages:
                await self._publisher.send(message.subject, message.payload, headers=message.headers)

    async def _publish_in_order(self, outgoing: Sequence[Outgoing]) -> list[tuple[Outgoing, int]]:
        published: list[tuple[Outgoing, int]] = []
        broken: set[bool] = set()  # whether commands, or events, cannot be stored at present
        for message in outgoing:
            is_command = message.work is not None
            if is_command in broken:
                continue
            try:
                sequence = await self._publisher.publish(message.subject, message.payload, message.headers)
            except Unavailable as away:
                broken.add(is_command)
                log.warning("messages stay in the outbox", commands=is_command, reason=str(away))
            except Exception:
                log.exception("bug while publishing a message, it stays in the outbox", subject=message.subject)
            else:
                published.append((message, sequence))
        return published


async def delete_messages(connection: Connection, job_id: UUID) -> None:
    """Delete every message of a job, published or not: the job is being deleted."""
    await connection.execute("DELETE FROM outbox WHERE job_id = $1", job_id)


async def delete_published(connection: Connection, job_id: UUID) -> None:
    """Delete the published commands of a job that has ended. The sweeper no longer needs them."""
    await connection.execute("DELETE FROM outbox WHERE job_id = $1 AND published_at IS NOT NULL", job_id)


async def delete_expired(connection: Connection) -> None:
    """Delete commands that were published an hour ago, unless their job is still running: the sweeper looks for those."""
    await connection.execute(
        """
        DELETE FROM outbox o WHERE published_at < now() - interval '1 hour'
            AND NOT EXISTS (SELECT FROM jobs j WHERE j.id = o.job_id AND j.finished_at IS NULL)
        """
    )


def _events_first(outgoing: Sequence[Outgoing]) -> list[Outgoing]:
    return sorted(outgoing, key=lambda message: message.work is not None)


async def _insert(connection: Connection, outgoing: Sequence[Outgoing]) -> None:
    await connection.executemany(
        """
        INSERT INTO outbox (id, subject, headers, payload, work, job_id, owner_id, due_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(secs => $8))
        """,
        [(m.id, m.subject, m.headers, m.payload, m.work, m.job_id, m.owner_id, m.delay_s) for m in outgoing],
    )


async def _mark_published(connection: Connection, published: Sequence[tuple[Outgoing, int]]) -> None:
    if events := [m.id for m, _ in published if m.work is None]:
        await connection.execute("DELETE FROM outbox WHERE id = ANY($1)", events)
    if commands := [(m.id, sequence) for m, sequence in published if m.work is not None]:
        await connection.executemany("UPDATE outbox SET published_at = now(), stream_seq = $2 WHERE id = $1", commands)
