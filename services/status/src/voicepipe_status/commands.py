"""Sends commands to the controller and waits briefly for their effect.

This service changes no job itself. `send` writes a command into the outbox, the controller carries it out in another
process, and `wait_for` polls the job. A caller responds with 200 or 204 if it saw the effect in time, else with 202; the
command is carried out either way, because the outbox keeps it until it is published.

Callers take a snapshot before they send and compare `changed_at` with it, not the state: a retry that fails again at
once leaves the state as it was. A job that was deleted meanwhile has no snapshot, and counts as changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

from google.protobuf.message import Message
from voicepipe_wire.errors import Problem
from voicepipe_wire.messaging.subjects import CONTROL, Priority, Queue

from . import metrics
from .dependencies import Dependencies
from .queries import JobSnapshot

POLL_INTERVAL_S = 0.05


async def snapshot(dependencies: Dependencies, owner_id: UUID, job_id: UUID) -> JobSnapshot:
    """The current state of a job.

    Raises:
        Problem: 404 `not_found`.
    """
    job = await dependencies.queries.snapshot(owner_id, job_id)
    if job is None:
        raise Problem.of("not_found", what="transcription")
    return job


async def send(dependencies: Dependencies, command: Message, owner_id: UUID, job_id: UUID) -> None:
    async with dependencies.outbox.transaction() as transaction:
        transaction.command(Queue(CONTROL), Priority.PREMIUM, command, job_id=job_id, owner_id=owner_id)
    metrics.COMMANDS.labels(command.DESCRIPTOR.name).inc()


async def wait_for(
    dependencies: Dependencies, owner_id: UUID, job_id: UUID, took_effect: Callable[[JobSnapshot], bool]
) -> JobSnapshot | None:
    """The last snapshot: one for which `took_effect` is true, or that at the timeout. None if the job is gone."""
    job: JobSnapshot | None = None

    async def check() -> bool:
        nonlocal job
        job = await dependencies.queries.snapshot(owner_id, job_id)
        return job is None or took_effect(job)

    await poll(check, dependencies.settings.effect_timeout_s)
    return job


async def poll(check: Callable[[], Awaitable[bool]], timeout_s: float) -> bool:
    """Whether `check` returned true within `timeout_s`."""
    try:
        async with asyncio.timeout(timeout_s):
            while not await check():  # noqa: ASYNC110 - another process changes it
                await asyncio.sleep(POLL_INTERVAL_S)
    except TimeoutError:
        return False
    return True
