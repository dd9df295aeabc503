"""Dead letters: list, redrive and discard them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from uuid import UUID

from voicepipe_wire.changes.redrive import redrive
from voicepipe_wire.errors import Problem, Reject
from voicepipe_wire.messaging.envelope import unpack
from voicepipe_wire.messaging.outbox import Transaction
from voicepipe_wire.messaging.stream_reader import Stored, parse_sequence
from voicepipe_wire.web.auth import User

from voicepipe_status import audit, metrics
from voicepipe_status.audit import Action
from voicepipe_status.dependencies import Dependencies
from voicepipe_status.entries import Entry, EntryFilter, read
from voicepipe_status.entry_scan import scan, subject_of
from voicepipe_status.schema import DeadLetter, DeadLetterDetail, DeadLetterPage, Redriven

from .changes import limit_wait
from .requests import DeadLetterCriteria, DeadLettersRequest

# Each redriven dead letter is a transaction of its own: one that cannot be redriven must not keep the others.
MAX_REDRIVEN_PER_REQUEST = 1000
REDRIVEN_AT_ONCE = 4
# About as long as it takes to assemble a transcript.
ASSEMBLING_S = 5


async def page(dependencies: Dependencies, request: DeadLettersRequest) -> DeadLetterPage:
    """The selected dead letters, oldest first.

    Raises:
        Problem: 400 `bad_cursor`, 422 `invalid_request`.
    """
    criteria = await _filter(dependencies, request)
    found = await scan(dependencies.entries, criteria, _after(request), request.limit)
    return DeadLetterPage(
        items=[DeadLetter(**asdict(entry)) for entry in found.entries],
        next_cursor=None if found.after is None else str(found.after),
        total=None if criteria.needs_reading else await dependencies.entries.count(subject_of(criteria)),
    )


async def get(dependencies: Dependencies, sequence: int) -> DeadLetterDetail:
    """A dead letter with its headers.

    Raises:
        Problem: 404 `not_found`.
    """
    stored = await dependencies.entries.get(sequence)
    if stored is None:
        raise Problem.of("not_found", what="dead letter")
    return DeadLetterDetail(**asdict(read(stored)), headers=dict(stored.headers))


async def redrive_all(dependencies: Dependencies, operator: User, request: DeadLetterCriteria) -> Redriven:
    """Redrive the selected dead letters, up to 1000. Those that cannot be redriven now stay.

    Raises:
        Problem: 400 `bad_cursor`, 422 `invalid_request`.
    """
    found = await scan(
        dependencies.entries, await _filter(dependencies, request), _after(request), MAX_REDRIVEN_PER_REQUEST
    )
    done: Counter[bool | None] = Counter()

    async def redrive_some(entries: Iterator[Entry]) -> None:
        for entry in entries:
            done[await _redrive_if_possible(dependencies, operator, entry.sequence)] += 1

    shared = iter(found.entries)
    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(REDRIVEN_AT_ONCE):
                tasks.create_task(redrive_some(shared))
    except* Exception as group:  # noqa: BLE001 - raised at once
        raise group.exceptions[0] from None  # PostgreSQL or NATS is unavailable, most likely to all of them
    return Redriven(
        accepted=done[True],
        repeated=done[False],
        next_cursor=None if found.after is None else str(found.after),
    )


async def act(dependencies: Dependencies, operator: User, action: Action, sequence: int) -> bool:
    """Redrive or discard one dead letter; False if that had been done within the last minute.

    Raises:
        Problem: 404 `not_found`, 409 `not_redrivable` or `being_assembled`.
    """
    stored = await dependencies.entries.get(sequence)
    if stored is None:
        raise Problem.of("not_found", what="dead letter")
    async with dependencies.outbox.transaction() as transaction:
        await limit_wait(transaction)
        is_first = await audit.record(transaction.connection, operator.id, action, read(stored))
        if is_first and action is Action.REDRIVE:
            await _redrive(transaction, stored)
    # Also for a double click: the other request has committed, and may have died before this.
    await dependencies.entries.drop(sequence)
    if is_first:
        metrics.CHANGES.labels(action).inc()
    return is_first


async def _redrive_if_possible(dependencies: Dependencies, operator: User, sequence: int) -> bool | None:
    """True if it was redriven, False if that is a repetition, None if it stays."""
    try:
        return await act(dependencies, operator, Action.REDRIVE, sequence)
    except Problem as problem:
        return False if problem.code == "not_found" else None


async def _redrive(transaction: Transaction, stored: Stored) -> None:
    try:
        envelope, command = unpack(stored.headers, stored.payload)
    except Reject:
        raise Problem.of("not_redrivable") from None
    if not await redrive(transaction, command, envelope.time):
        raise Problem.of("being_assembled", retry_after_s=ASSEMBLING_S)


def _after(request: DeadLetterCriteria) -> int:
    after = parse_sequence(request.cursor or "0")
    if after is None:
        raise Problem.of("bad_cursor")
    return after


async def _filter(dependencies: Dependencies, request: DeadLetterCriteria) -> EntryFilter:
    owner_id = None if request.owner is None else await _owner_id(dependencies, request.owner)
    return EntryFilter(request.stage, request.code, owner_id, request.failed_after, request.failed_before)


async def _owner_id(dependencies: Dependencies, owner: str) -> UUID:
    try:
        return UUID(owner)
    except ValueError:
        user_id = await dependencies.queries.user_id(owner)
    if user_id is None:
        raise Problem.of("invalid_request", reason="owner: there is no user with this name") from None
    return user_id
