"""The dependencies of the routes. `__main__` builds them once; a route receives them by type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, cast
from uuid import UUID

from fastapi import Depends, Path, Request
from voicepipe_wire.errors import Problem
from voicepipe_wire.messaging.outbox import Outbox
from voicepipe_wire.messaging.stream_reader import StreamReader
from voicepipe_wire.storage.objects import ObjectStore
from voicepipe_wire.web.auth import Authenticator, Bearer, KeyHeader, User
from voicepipe_wire.web.idempotency import IdempotencyKeys

from .backlog import BacklogReader
from .events.hub import Hub
from .playing import Players
from .pool_states import PoolStates
from .queries import Queries
from .settings import StatusSettings


@dataclass(frozen=True, slots=True)
class Dependencies:
    settings: StatusSettings
    authenticate: Authenticator
    queries: Queries
    outbox: Outbox
    objects: ObjectStore
    players: Players
    hub: Hub
    events: StreamReader
    entries: StreamReader
    backlog: BacklogReader
    pools: PoolStates
    keys: IdempotencyKeys


# These are coroutines although they await nothing: FastAPI runs plain functions in a thread.


async def _dependencies(request: Request) -> Dependencies:
    return cast("Dependencies", request.app.state.dependencies)


async def _user(request: Request, _bearer: Bearer, _header: KeyHeader) -> User:
    return await cast("Dependencies", request.app.state.dependencies).authenticate(request)


async def _operator(user: Annotated[User, Depends(_user)]) -> User:
    if not user.is_operator:
        raise Problem.of("operators_only")
    return user


async def _job_id(
    job_id: Annotated[
        str, Path(description="Id of the transcription", examples=["5b0c3ad2-58a8-4f2f-8a3a-6c2f4c4f2f10"])
    ],
) -> UUID:
    """Text that is not an id gets the same 404 as an unknown id."""
    try:
        return UUID(job_id)
    except ValueError:
        raise Problem.of("not_found", what="transcription") from None


AppDependencies = Annotated[Dependencies, Depends(_dependencies)]
CurrentUser = Annotated[User, Depends(_user)]
Operator = Annotated[User, Depends(_operator)]
JobId = Annotated[UUID, Depends(_job_id)]
