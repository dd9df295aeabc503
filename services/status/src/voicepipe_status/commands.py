"""Commands that the controller carries out, and a moment to see what they do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

from google.protobuf.message import Message
from voicepipe_wire.messaging.subjects import CONTROL, Priority

from . import metrics
from .dependencies import Parts
from .http.problems import problem
from .queries import Standing

POLL_INTERVAL_S = 0.05


async def standing(parts: Parts, owner_id: UUID, job_id: UUID) -> Standing:
    """Raises Problem 404 `not_found`."""
    found = await parts.queries.standing(owner_id, job_id)
    if found is None:
        raise problem("not_found")
    return found


async def send(parts: Parts, command: Message, owner_id: UUID, job_id: UUID) -> None:
    async with parts.outbox.transaction() as transaction:
        transaction.command(CONTROL, Priority.PREMIUM, command, job_id=job_id, owner_id=owner_id)
    metrics.COMMANDS.labels(command.DESCRIPTOR.name).inc()


async def once(parts: Parts, owner_id: UUID, job_id: UUID, is_so: Callable[[Standing], bool]) -> Standing | None:
    """Where the job stands once that is so, or when the time is up. None: it is gone."""
    now: Standing | None = None

    async def check() -> bool:
        nonlocal now
        now = await parts.queries.standing(owner_id, job_id)
        return now is None or is_so(now)

    await until(check, parts.settings.effect_timeout_s)
    return now


async def until(check: Callable[[], Awaitable[bool]], timeout_s: float) -> bool:
    """Whether it came true in time."""
    try:
        async with asyncio.timeout(timeout_s):
            while not await check():  # noqa: ASYNC110 - another process makes it true
                await asyncio.sleep(POLL_INTERVAL_S)
    except TimeoutError:
        return False
    return True
