"""Run the worker: `python -m voicepipe_diarizer`.

Without a usable model it serves only its probes, reports not ready, and takes no work.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import structlog
from google.protobuf.message import Message
from voicepipe_wire.errors import Reject
from voicepipe_wire.jobs import jobs, waiting, warnings
from voicepipe_wire.jobs.heartbeats import send_heartbeats
from voicepipe_wire.jobs.stages import ACTIVE, Stage
from voicepipe_wire.messaging import broker
from voicepipe_wire.messaging.broker import Delivery, JetStream
from voicepipe_wire.messaging.consumer import OnDeadLettered, Worker
from voicepipe_wire.messaging.envelope import job_id_of
from voicepipe_wire.messaging.outbox import Outbox
from voicepipe_wire.messaging.patience import Handlers
from voicepipe_wire.messaging.subjects import Queue
from voicepipe_wire.service import Running, Startup, run_service
from voicepipe_wire.storage import database, objects
from voicepipe_wire.v1.commands_pb2 import DiarizeRecording
from voicepipe_wire.web.probes import Checks

from .diarize import DiarizeHandler
from .engine import Engine, ModelUnusable
from .settings import Settings

log = structlog.get_logger(__name__)


@asynccontextmanager
async def start(settings: Settings, startup: Startup) -> AsyncIterator[Running]:
    engine = Engine(settings.stall_timeout_s)
    try:
        model = await engine.load()
    except ModelUnusable as error:
        yield _unready(error)
        return
    log.info("model loaded", model=model.name, revision=model.revision, threads=settings.threads)
    async with (
        aclosing(engine),
        broker.connect(settings, "diarizer") as jetstream,
        startup.database(settings) as pool,
        objects.connect(settings) as store,
    ):
        await startup.wait_for("nats", jetstream.check)
        worker = _worker(settings, pool, jetstream, store, engine)

        async def work(stop: asyncio.Event) -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(engine.keep_loaded(stop))
                group.create_task(send_heartbeats(pool, Stage.DIARIZE, stop))
                group.create_task(worker.run(stop))

        reported: Checks = {"postgresql": lambda: pool.fetchval("SELECT 1"), "nats": worker.ready}
        yield Running(work, checks={"model": engine.check}, reported=reported)


def _unready(missing: ModelUnusable) -> Running:
    """Only the probes, not ready: a restart would not help. Recordings wait for a diarizer until their deadline."""
    log.error("model unusable, taking no work", reason=str(missing))

    async def no_model() -> None:
        raise missing

    return Running(asyncio.Event.wait, checks={"model": no_model})


def _worker(
    settings: Settings, pool: database.Pool, jetstream: JetStream, store: objects.ObjectStore, engine: Engine
) -> Worker:
    outbox = Outbox(pool, jetstream, "diarizer")
    handler = DiarizeHandler(pool, outbox, store, engine, settings.scratch_dir, settings.max_diarized_s)
    handlers: Handlers = {DiarizeRecording: handler.handle}
    # One recording uses all threads; a second one at the same time would only cost memory.
    return Worker(
        jetstream,
        outbox,
        Queue(Stage.DIARIZE),
        handlers,
        _on_dead_lettered(outbox),
        concurrency=1,
        delivery=Delivery.of(settings),
        grace_s=settings.grace_s,
        may_pull=lambda: engine.is_ready,
        on_waiting=waiting.noting_in(pool),
        name=settings.worker_name,
        remaining_s=lambda: handler.remaining_s,
    )


def _on_dead_lettered(outbox: Outbox) -> OnDeadLettered:
    async def on_dead_lettered(command: Message, _error: Reject) -> None:
        """Skip the stage, so that the transcript is delivered without speakers."""
        async with outbox.transaction() as transaction:
            job = await jobs.lock(transaction.connection, job_id_of(command))
            if job and job.stages[Stage.DIARIZE] in ACTIVE:
                await warnings.skip_diarization(transaction, job, "speakers_failed")

    return on_dead_lettered


def main() -> int:
    return run_service("diarizer", Settings, start)


if __name__ == "__main__":
    sys.exit(main())
