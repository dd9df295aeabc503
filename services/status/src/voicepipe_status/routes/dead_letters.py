"""Dead letters, for operators: list, redrive and discard them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.responses import JSONResponse
from google.protobuf.message import Message
from pydantic import AwareDatetime
from voicepipe_wire.errors import Problem
from voicepipe_wire.messaging.stream_reader import parse_sequence
from voicepipe_wire.messaging.subjects import CONTROL, Priority, Queue
from voicepipe_wire.v1.commands_pb2 import DiscardDeadLetter, RedriveDeadLetter
from voicepipe_wire.web.auth import User

from voicepipe_status import audit, metrics
from voicepipe_status.audit import Action
from voicepipe_status.commands import poll
from voicepipe_status.dependencies import AppDependencies, Dependencies, Operator
from voicepipe_status.entries import Entry, EntryFilter, read
from voicepipe_status.entry_scan import scan, subject_of
from voicepipe_status.http.problems import problem_responses
from voicepipe_status.schema import DeadLetter, DeadLetterDetail, DeadLetterPage, Redriven

# Each redriven dead letter is a separate command.
MAX_REDRIVEN_PER_REQUEST = 1000

router = APIRouter(tags=["operators"], prefix="/v1/admin/dead-letters")

_DONE: dict[int | str, dict[str, Any]] = {
    204: {"description": "Done"},
    202: {"description": "Accepted; it had not taken effect within 3 s"},
}
_COMMANDS: dict[Action, Callable[[int], Message]] = {
    Action.REDRIVE: lambda sequence: RedriveDeadLetter(sequence=sequence),
    Action.DISCARD: lambda sequence: DiscardDeadLetter(sequence=sequence),
}


async def _sequence(
    sequence: Annotated[str, Path(description="Stream sequence of the dead letter", examples=["17"])],
) -> int:
    """Text that is not a number gets the same 404 as an unknown sequence."""
    if (number := parse_sequence(sequence)) is None:
        raise Problem.of("not_found", what="dead letter")
    return number


async def _cursor(
    cursor: Annotated[str | None, Query(max_length=100, description="`next_cursor` of the previous answer")] = None,
) -> int:
    after = parse_sequence(cursor or "0")
    if after is None:
        raise Problem.of("bad_cursor")
    return after


async def _filter(
    _: Operator,
    dependencies: AppDependencies,
    stage: Annotated[str | None, Query(pattern=r"^[a-z]{1,20}$", description="Only dead letters of this stage")] = None,
    code: Annotated[
        str | None, Query(pattern=r"^[a-z0-9_]{1,60}$", description="Only dead letters with this error code")
    ] = None,
    owner: Annotated[
        str | None,
        Query(
            min_length=1, max_length=200, pattern=r"^[^\x00]*$", description="Only those of this user, by id or name"
        ),
    ] = None,
    failed_after: AwareDatetime | None = None,
    failed_before: AwareDatetime | None = None,
) -> EntryFilter:
    owner_id = None if owner is None else await _owner_id(dependencies, owner)
    return EntryFilter(stage, code, owner_id, failed_after, failed_before)


EntryNumber = Annotated[int, Depends(_sequence)]
After = Annotated[int, Depends(_cursor)]
Filter = Annotated[EntryFilter, Depends(_filter)]


@router.get("", responses=problem_responses("operators_only", "bad_cursor"), operation_id="list_dead_letters")
async def list_dead_letters(
    criteria: Filter,
    after: After,
    dependencies: AppDependencies,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> DeadLetterPage:
    """List dead letters, oldest first."""
    found = await scan(dependencies.entries, criteria, after, limit)
    return DeadLetterPage(
        items=[DeadLetter(**asdict(entry)) for entry in found.entries],
        next_cursor=None if found.after is None else str(found.after),
        total=None if criteria.needs_reading else await dependencies.entries.count(subject_of(criteria)),
    )


@router.post(
    "/redrive",
    responses={
        202: {"model": Redriven, "description": "They will be redriven"},
        **problem_responses("operators_only", "bad_cursor"),
    },
    operation_id="redrive_dead_letters",
)
async def redrive_all(
    criteria: Filter, after: After, operator: Operator, dependencies: AppDependencies
) -> JSONResponse:
    """Redrive all dead letters, or those that the filters select, up to 1000 per request.

    Safe to repeat: what was redriven within the last minute is not redriven again.
    """
    found = await scan(dependencies.entries, criteria, after, MAX_REDRIVEN_PER_REQUEST)
    accepted = await _command(dependencies, operator, Action.REDRIVE, found.entries)
    redriven = Redriven(
        accepted=accepted,
        repeated=len(found.entries) - accepted,
        next_cursor=None if found.after is None else str(found.after),
    )
    return JSONResponse(redriven.model_dump(), 202 if accepted else 200)


@router.get("/{sequence}", responses=problem_responses("operators_only", "not_found"), operation_id="get_dead_letter")
async def get_dead_letter(sequence: EntryNumber, _: Operator, dependencies: AppDependencies) -> DeadLetterDetail:
    """Get a dead letter with its headers."""
    stored = await dependencies.entries.get(sequence)
    if stored is None:
        raise Problem.of("not_found", what="dead letter")
    return DeadLetterDetail(**asdict(read(stored)), headers=dict(stored.headers))


@router.post(
    "/{sequence}/redrive",
    status_code=204,
    responses={**_DONE, **problem_responses("operators_only", "not_found")},
    operation_id="redrive_dead_letter",
)
async def redrive(sequence: EntryNumber, operator: Operator, dependencies: AppDependencies) -> Response:
    """Redrive a dead letter: its job continues, with the attempts reset. Repeated within a minute, it is redriven once."""
    return await _act(dependencies, operator, Action.REDRIVE, sequence)


@router.delete(
    "/{sequence}",
    status_code=204,
    responses={**_DONE, **problem_responses("operators_only", "not_found")},
    operation_id="discard_dead_letter",
)
async def discard(sequence: EntryNumber, operator: Operator, dependencies: AppDependencies) -> Response:
    """Discard a dead letter. Its job is not changed."""
    return await _act(dependencies, operator, Action.DISCARD, sequence)


async def _owner_id(dependencies: Dependencies, owner: str) -> UUID:
    try:
        return UUID(owner)
    except ValueError:
        user_id = await dependencies.queries.user_id(owner)
    if user_id is None:
        raise Problem.of("invalid_request", reason="owner: there is no user with this name") from None
    return user_id


async def _act(dependencies: Dependencies, operator: User, action: Action, sequence: int) -> Response:
    stored = await dependencies.entries.get(sequence)
    if stored is None:
        raise Problem.of("not_found", what="dead letter")
    await _command(dependencies, operator, action, [read(stored)])

    async def is_gone() -> bool:
        return await dependencies.entries.get(sequence) is None

    return Response(status_code=204 if await poll(is_gone, dependencies.settings.effect_timeout_s) else 202)


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
