"""Dead letters: list, redrive and discard them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from uuid import UUID

from google.protobuf.message import Message
from voicepipe_wire.errors import Problem
from voicepipe_wire.messaging.stream_reader import parse_sequence
from voicepipe_wire.messaging.subjects import CONTROL, Priority, Queue
from voicepipe_wire.v1.commands_pb2 import DiscardDeadLetter, RedriveDeadLetter
from voicepipe_wire.web.auth import User

from voicepipe_status import audit, metrics
from voicepipe_status.audit import Action
from voicepipe_status.commands import poll
from voicepipe_status.dependencies import Dependencies
from voicepipe_status.entries import Entry, EntryFilter, read
from voicepipe_status.entry_scan import scan, subject_of
from voicepipe_status.schema import DeadLetter, DeadLetterDetail, DeadLetterPage, Redriven

from .requests import DeadLetterCriteria, DeadLettersRequest

# Each redriven dead letter is a separate command.
MAX_REDRIVEN_PER_REQUEST = 1000

_COMMANDS: dict[Action, Callable[[int], Message]] = {
    Action.REDRIVE: lambda sequence: RedriveDeadLetter(sequence=sequence),
    Action.DISCARD: lambda sequence: DiscardDeadLetter(sequence=sequence),
}


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
    """Redrive the selected dead letters, up to 1000.

    Raises:
        Problem: 400 `bad_cursor`, 422 `invalid_request`.
    """
    found = await scan(
        dependencies.entries, await _filter(dependencies, request), _after(request), MAX_REDRIVEN_PER_REQUEST
    )
    accepted = await _command(dependencies, operator, Action.REDRIVE, found.entries)
    return Redriven(
        accepted=accepted,
        repeated=len(found.entries) - accepted,
        next_cursor=None if found.after is None else str(found.after),
    )


async def act(dependencies: Dependencies, operator: User, action: Action, sequence: int) -> bool:
    """Redrive or discard one dead letter; returns whether that took effect already.

    Raises:
        Problem: 404 `not_found`.
    """
    stored = await dependencies.entries.get(sequence)
    if stored is None:
        raise Problem.of("not_found", what="dead letter")
    await _command(dependencies, operator, action, [read(stored)])

    async def is_gone() -> bool:
        return await dependencies.entries.get(sequence) is None

    return await poll(is_gone, dependencies.settings.effect_timeout_s)


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


async def _command(dependencies: Dependencies, operator: User, action: Action, found: Sequence[Entry]) -> int:
    """Record the action and write its commands in one transaction; the number of those that are not repeated."""
    if not found:
        return 0
    async with dependencies.outbox.transaction() as transaction:
        recorded = await audit.record(transaction.connection, operator.id, action, found)
        commands = [_COMMANDS[action](sequence) for sequence in recorded]
        for command in commands:
            transaction.command(Queue(CONTROL), Priority.PREMIUM, command, job_id=None, owner_id=None)
    for command in commands:
        metrics.COMMANDS.labels(command.DESCRIPTOR.name).inc()
    return len(commands)
