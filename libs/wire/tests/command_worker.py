"""A worker on real servers for one test, with a handler that does as it is told."""

import asyncio
from contextlib import asynccontextmanager
from uuid import uuid4

from voicepipe_wire.messaging.broker import Delivery
from voicepipe_wire.messaging.consumer import Worker
from voicepipe_wire.messaging.outbox import Outbox
from voicepipe_wire.messaging.subjects import Priority, Queue
from voicepipe_wire.v1.commands_pb2 import PrepareRecording

QUEUE = Queue("prepare")
DELIVERY = Delivery(ack_wait_s=1.0, max_deliver=3)


class Handler:
    """Produces the given outcomes in order, then succeeds. Records every call."""

    def __init__(self, *outcomes) -> None:
        self.outcomes = list(outcomes)
        self.seen: list[str] = []
        self.dead_lettered: list[tuple[str, str]] = []

    async def __call__(self, command) -> None:
        self.seen.append(command.job_id)
        if self.outcomes:
            outcome = self.outcomes.pop(0)
            if isinstance(outcome, Exception):
                raise outcome
            await outcome()

    async def on_dead_lettered(self, command, error) -> None:
        self.dead_lettered.append((command.job_id, error.code))


@asynccontextmanager
async def working(pool, jetstream, handler, *, concurrency=1, delivery=DELIVERY, **more):
    worker = Worker(
        jetstream,
        Outbox(pool, jetstream, "test"),
        QUEUE,
        {PrepareRecording: handler},
        handler.on_dead_lettered,
        concurrency=concurrency,
        delivery=delivery,
        **more,
    )
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(stop))
    try:
        yield worker
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)


async def send(pool, jetstream, name, priority=Priority.STANDARD) -> None:
    async with Outbox(pool, jetstream, "test").transaction() as transaction:
        transaction.command(QUEUE, priority, PrepareRecording(job_id=name), job_id=uuid4(), owner_id=None)
