"""Dead letters, for operators: list, redrive and discard them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response
from voicepipe_wire.errors import Problem
from voicepipe_wire.messaging.stream_reader import parse_sequence
from voicepipe_wire.web.auth import User

from voicepipe_status.audit import Action
from voicepipe_status.dependencies import AppDependencies, Dependencies, Operator
from voicepipe_status.http.problems import problem_responses
from voicepipe_status.operations import dead_letters
from voicepipe_status.operations.requests import DeadLetterCriteria, DeadLettersRequest
from voicepipe_status.schema import DeadLetterDetail, DeadLetterPage, Redriven

router = APIRouter(tags=["operators"], prefix="/v1/admin/dead-letters")

_DONE: dict[int | str, dict[str, Any]] = {204: {"description": "Done"}}


async def _sequence(
    sequence: Annotated[str, Path(description="Stream sequence of the dead letter", examples=["17"])],
) -> int:
    """Text that is not a number gets the same 404 as an unknown sequence."""
    if (number := parse_sequence(sequence)) is None:
        raise Problem.of("not_found", what="dead letter")
    return number


EntryNumber = Annotated[int, Depends(_sequence)]


@router.get("", responses=problem_responses("operators_only", "bad_cursor"), operation_id="list_dead_letters")
async def list_dead_letters(
    _: Operator, dependencies: AppDependencies, query: Annotated[DeadLettersRequest, Query()]
) -> DeadLetterPage:
    """List dead letters, oldest first."""
    return await dead_letters.page(dependencies, query)


@router.post(
    "/redrive",
    responses=problem_responses("operators_only", "bad_cursor"),
    operation_id="redrive_dead_letters",
)
async def redrive_all(
    operator: Operator, dependencies: AppDependencies, query: Annotated[DeadLetterCriteria, Query()]
) -> Redriven:
    """Redrive all dead letters, or those that the filters select, up to 1000 per request.

    Safe to repeat: what was redriven within the last minute is not redriven again. What cannot be redriven now stays where it is.
    """
    return await dead_letters.redrive_all(dependencies, operator, query)


@router.get("/{sequence}", responses=problem_responses("operators_only", "not_found"), operation_id="get_dead_letter")
async def get_dead_letter(sequence: EntryNumber, _: Operator, dependencies: AppDependencies) -> DeadLetterDetail:
    """Get a dead letter with its headers."""
    return await dead_letters.get(dependencies, sequence)


@router.post(
    "/{sequence}/redrive",
    status_code=204,
    responses={**_DONE, **problem_responses("operators_only", "not_found", "not_redrivable", "being_assembled")},
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


async def _act(dependencies: Dependencies, operator: User, action: Action, sequence: int) -> Response:
    await dead_letters.act(dependencies, operator, action, sequence)
    return Response(status_code=204)
