"""Heartbeats: whatever PostgreSQL or its driver does, the worker continues."""

import asyncio

import asyncpg
import pytest
from support.eventually import eventually_async
from voicepipe_wire.jobs import heartbeats
from voicepipe_wire.jobs.heartbeats import send_heartbeats
from voicepipe_wire.watchdog import TASK_FAILURES


class BrokenPool:
    def __init__(self, error: Exception):
        self.error = error
        self.calls = 0

    async def execute(self, *_):
        self.calls += 1
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.InterfaceError("cannot perform operation"),
        asyncpg.UndefinedTableError("no workers"),
        ValueError("a bug"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_heartbeats_that_cannot_be_sent_are_counted_and_tried_again(monkeypatch, error):
    monkeypatch.setattr(heartbeats, "HEARTBEAT_INTERVAL_S", 0.01)
    pool, stop, before = BrokenPool(error), asyncio.Event(), TASK_FAILURES.labels("heartbeats")._value.get()
    sending = asyncio.create_task(send_heartbeats(pool, "prepare", stop))
    await eventually_async(lambda: pool.calls >= 4)
    stop.set()
    await sending
    assert TASK_FAILURES.labels("heartbeats")._value.get() == before + pool.calls
