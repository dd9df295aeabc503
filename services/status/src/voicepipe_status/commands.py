"""Commands that the controller carries out, and a moment to see what they do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

from google.protobuf.message import Message
from voicepipe_wire.errors import Problem
from voicepipe_wire.messaging.subjects import CONTROL, Priority

from . import metrics
from .dependencies import Dependencies
from .queries import JobSnapshot

POLL_INTERVAL_S = 0.05


async def snapshot(dependencies: Dependencies, owner_id: UUID, job_id: UUID) -> JobSnapshot:
    """Raises Problem 404 `not_found`."""
    job = await dependencies.queries.snapshot(owner_id, job_id)
    if job is None:
        raise Problem.of("not_found", what="transcription")
    return job


async def send(dependencies: Dependencies, command: Message, owner_id: UUID, job_id: UUID) -> None:
    async with dependencies.outbox.transaction() as transaction:
        transaction.command(CONTROL, Priority.PREMIUM, command, job_id=job_id, owner_id=owner_id)
    metrics.COMMANDS.labels(command.DESCRIPTOR.name).inc()


async def wait_for(
    dependencies: Dependencies, owner_id: UUID, job_id: UUID, took_effect: Callable[[JobSnapshot], bool]
) -> JobSnapshot | None:
    """Where the job stands once that is so, or when the time is up. None: it is gone."""
    job: JobSnapshot | None = None

    async def check() -> bool:
        nonlocal job
        job = await dependencies.queries.snapshot(owner_id, job_id)
        return job is None or took_effect(job)

    await poll(check, dependencies.settings.effect_timeout_s)
    return job


async def poll(check: Callable[[], Awaitable[bool]], timeout_s: float) -> bool:
    """Whether it came true in time."""
    try:
        async with asyncio.timeout(timeout_s):
            while not await check():  # noqa: ASYNC110 - another process makes it true
                await asyncio.sleep(POLL_INTERVAL_S)
    except TimeoutError:
        return False
    return True
