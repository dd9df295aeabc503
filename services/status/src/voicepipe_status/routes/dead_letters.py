"""Dead letters, for operators: list, redrive and discard them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.responses import JSONResponse
from google.protobuf.message import Message
from voicepipe_wire.errors import Problem, Reject
from voicepipe_wire.messaging import dead_letters as entries
from voicepipe_wire.messaging.envelope import unpack
from voicepipe_wire.messaging.stream_reader import Stored, parse_sequence
from voicepipe_wire.messaging.subjects import CONTROL, Priority, Queue, dead_letter
from voicepipe_wire.v1.commands_pb2 import DiscardDeadLetter, RedriveDeadLetter

from voicepipe_status import metrics
from voicepipe_status.commands import poll
from voicepipe_status.dependencies import AppDependencies, Dependencies, Operator
from voicepipe_status.events.job_events import as_json
from voicepipe_status.http.problems import problem_responses
from voicepipe_status.schema import DeadLetter, DeadLetterDetail, DeadLetterPage, Redriven

# Each redriven dead letter is a separate command.
MAX_REDRIVEN_PER_REQUEST = 1000

router = APIRouter(tags=["operators"], prefix="/v1/admin/dead-letters")

_DONE: dict[int | str, dict[str, Any]] = {
    204: {"description": "Done"},
    202: {"description": "Accepted; it had not taken effect within 3 s"},
}


async def _sequence(
    sequence: Annotated[str, Path(description="Stream sequence of the dead letter", examples=["17"])],
) -> int:
    """Text that is not a number gets the same 404 as an unknown sequence."""
    if (number := parse_sequence(sequence)) is None:
        raise Problem.of("not_found", what="dead letter")
    return number


Sequence = Annotated[int, Depends(_sequence)]
Stage = Annotated[str | None, Query(pattern=r"^[a-z]{1,20}$", description="Only dead letters of this stage")]


@router.get("", responses=problem_responses("operators_only", "bad_cursor"), operation_id="list_dead_letters")
async def list_dead_letters(
    _: Operator,
    dependencies: AppDependencies,
    stage: Stage = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the previous page")] = None,
) -> DeadLetterPage:
    """List dead letters, oldest first."""
    after = parse_sequence(cursor or "0")
    if after is None:
        raise Problem.of("bad_cursor")
    page = await dependencies.entries.page(_subject(stage), after + 1, limit + 1)
    items = page[:limit]
    return DeadLetterPage(
        items=[DeadLetter(**_entry(stored)) for stored in items],
        next_cursor=str(items[-1].sequence) if len(page) > limit else None,
        total=await dependencies.entries.count(_subject(stage)),
    )


@router.post(
    "/redrive",
    responses={
        202: {"model": Redriven, "description": "They will be redriven"},
        **problem_responses("operators_only"),
    },
    operation_id="redrive_dead_letters",
)
async def redrive_all(_: Operator, dependencies: AppDependencies, stage: Stage = None) -> JSONResponse:
    """Redrive all dead letters, or all of one stage, up to 1000 per request."""
    page = await dependencies.entries.page(_subject(stage), 1, MAX_REDRIVEN_PER_REQUEST)
    total = await dependencies.entries.count(_subject(stage))
    await _command(dependencies, *(RedriveDeadLetter(sequence=stored.sequence) for stored in page))
    redriven = Redriven(accepted=len(page), remaining=max(0, total - len(page)))
    return JSONResponse(redriven.model_dump(), 202 if page else 200)


@router.get("/{sequence}", responses=problem_responses("operators_only", "not_found"), operation_id="get_dead_letter")
async def get_dead_letter(sequence: Sequence, _: Operator, dependencies: AppDependencies) -> DeadLetterDetail:
    """Get a dead letter with its headers."""
    stored = await _stored(dependencies, sequence)
    return DeadLetterDetail(**_entry(stored), headers=dict(stored.headers))


@router.post(
    "/{sequence}/redrive",
    status_code=204,
    responses={**_DONE, **problem_responses("operators_only", "not_found")},
    operation_id="redrive_dead_letter",
)
async def redrive(sequence: Sequence, _: Operator, dependencies: AppDependencies) -> Response:
    """Redrive a dead letter: its job continues, with the attempts reset."""
    await _stored(dependencies, sequence)
    await _command(dependencies, RedriveDeadLetter(sequence=sequence))
    return await _respond_when_gone(dependencies, sequence)


@router.delete(
    "/{sequence}",
    status_code=204,
    responses={**_DONE, **problem_responses("operators_only", "not_found")},
    operation_id="discard_dead_letter",
)
async def discard(sequence: Sequence, _: Operator, dependencies: AppDependencies) -> Response:
    """Discard a dead letter. Its job is not changed."""
    await _stored(dependencies, sequence)
    await _command(dependencies, DiscardDeadLetter(sequence=sequence))
    return await _respond_when_gone(dependencies, sequence)


def _subject(stage: str | None) -> str:
    return dead_letter(stage or "*")


async def _stored(dependencies: Dependencies, sequence: int) -> Stored:
    stored = await dependencies.entries.get(sequence)
    if stored is None:
        raise Problem.of("not_found", what="dead letter")
    return stored


async def _command(dependencies: Dependencies, *commands: Message) -> None:
    async with dependencies.outbox.transaction() as transaction:
        for command in commands:
            transaction.command(Queue(CONTROL), Priority.PREMIUM, command, job_id=None, owner_id=None)
    for command in commands:
        metrics.COMMANDS.labels(command.DESCRIPTOR.name).inc()


async def _respond_when_gone(dependencies: Dependencies, sequence: int) -> Response:
    async def is_gone() -> bool:
        return await dependencies.entries.get(sequence) is None

    return Response(status_code=204 if await poll(is_gone, dependencies.settings.effect_timeout_s) else 202)


def _entry(stored: Stored) -> dict[str, Any]:
    headers = stored.headers
    try:
        _, message = unpack(headers, stored.payload)
        command, payload = message.DESCRIPTOR.name, as_json(message)
    except Reject:
        command, payload = None, None
    return {
        "sequence": stored.sequence,
        "stage": stored.subject.partition(".")[2],
        "subject": headers.get(entries.SUBJECT, ""),
        "code": headers.get(entries.CODE, ""),
        "error": headers.get(entries.ERROR, ""),
        "attempts": int(headers.get(entries.ATTEMPTS, 0)),
        "failed_at": datetime.fromisoformat(headers[entries.FAILED_AT]),
        "command": command,
        "job_id": (payload or {}).get("job_id"),
        "payload": payload,
    }
