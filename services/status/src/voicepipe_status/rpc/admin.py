"""The gRPC service `Admin`, for operators."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message
from pydantic import BaseModel
from voicepipe_api.v1 import admin_pb2 as api
from voicepipe_wire.rpc.call import Call
from voicepipe_wire.rpc.convert import M, filled, values_of

from voicepipe_status.audit import Action
from voicepipe_status.dependencies import Dependencies
from voicepipe_status.operations import dead_letters, oversight
from voicepipe_status.operations.requests import (
    DeadLetterCriteria,
    DeadLettersRequest,
    PageRequest,
    Request,
    StuckJobsRequest,
    validated,
)

_REST_NAMES = {"page_size": "limit", "page_token": "cursor"}
_RPC_NAMES = {rest: rpc for rpc, rest in _REST_NAMES.items()}


class Admin:
    """Each method has the name of a method of the service; see proto/voicepipe/api/v1/admin.proto."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._dependencies = dependencies

    async def list_dead_letters(self, call: Call, request: api.ListDeadLettersRequest) -> api.ListDeadLettersResponse:
        call.require_operator()
        page = await dead_letters.page(self._dependencies, _asked(DeadLettersRequest, request))
        return _page(api.ListDeadLettersResponse(), page)

    async def get_dead_letter(self, call: Call, request: api.GetDeadLetterRequest) -> api.DeadLetter:
        call.require_operator()
        found = await dead_letters.get(self._dependencies, request.sequence)
        return filled(api.DeadLetter(), found.model_dump())

    async def redrive_dead_letter(
        self, call: Call, request: api.RedriveDeadLetterRequest
    ) -> api.RedriveDeadLetterResponse:
        await dead_letters.act(self._dependencies, call.require_operator(), Action.REDRIVE, request.sequence)
        return api.RedriveDeadLetterResponse(took_effect=True)

    async def discard_dead_letter(
        self, call: Call, request: api.DiscardDeadLetterRequest
    ) -> api.DiscardDeadLetterResponse:
        await dead_letters.act(self._dependencies, call.require_operator(), Action.DISCARD, request.sequence)
        return api.DiscardDeadLetterResponse(took_effect=True)

    async def redrive_dead_letters(
        self, call: Call, request: api.RedriveDeadLettersRequest
    ) -> api.RedriveDeadLettersResponse:
        operator = call.require_operator()
        redriven = await dead_letters.redrive_all(self._dependencies, operator, _asked(DeadLetterCriteria, request))
        return _page(api.RedriveDeadLettersResponse(), redriven)

    async def list_operator_actions(
        self, call: Call, request: api.ListOperatorActionsRequest
    ) -> api.ListOperatorActionsResponse:
        call.require_operator()
        page = await oversight.operator_actions(self._dependencies, _asked(PageRequest, request))
        return _page(api.ListOperatorActionsResponse(), page)

    async def list_queues(self, call: Call, _: api.ListQueuesRequest) -> api.Queues:
        call.require_operator()
        found = await oversight.queues(self._dependencies)
        return filled(api.Queues(), found.model_dump())

    async def list_stuck_jobs(self, call: Call, request: api.ListStuckJobsRequest) -> api.ListStuckJobsResponse:
        call.require_operator()
        page = await oversight.stuck_jobs(self._dependencies, _asked(StuckJobsRequest, request))
        return _page(api.ListStuckJobsResponse(), page)


def _asked(kind: type[Request], request: Message) -> Request:
    values: dict[str, Any] = values_of(request)
    values |= values.pop("filter", {})
    return validated(kind, {_REST_NAMES.get(name, name): value for name, value in values.items()}, _RPC_NAMES)


def _page(message: M, page: BaseModel) -> M:
    values = page.model_dump()
    return filled(message, {**values, "next_page_token": values["next_cursor"]})
