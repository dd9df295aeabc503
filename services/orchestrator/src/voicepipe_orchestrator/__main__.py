"""Run one kind of worker: `python -m voicepipe_orchestrator prepare|transcribe|assemble|controller`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from voicepipe_wire.jobs import waiting
from voicepipe_wire.jobs.heartbeats import send_heartbeats
from voicepipe_wire.jobs.stages import Stage
from voicepipe_wire.messaging import broker
from voicepipe_wire.messaging.broker import Delivery, JetStream
from voicepipe_wire.messaging.consumer import Worker, always
from voicepipe_wire.messaging.outbox import Outbox
from voicepipe_wire.messaging.patience import Handlers
from voicepipe_wire.messaging.subjects import CONTROL, Queue
from voicepipe_wire.service import Running, Startup, run_service
from voicepipe_wire.storage import objects
from voicepipe_wire.storage.database import Pool
from voicepipe_wire.storage.objects import ObjectStore
from voicepipe_wire.v1.commands_pb2 import AssembleTranscript, PrepareRecording, StartTranscription, TranscribeChunk
from voicepipe_wire.web.probes import Checks

from .assemble.handler import AssembleHandler
from .controller.advisories import Advisories
from .controller.backlog import Backlog
from .controller.commands import ControlCommands
from .controller.deletions import Deletions
from .controller.diarization_deadline import DiarizationDeadline
from .controller.gauges import Gauges
from .controller.loop import Controller
from .controller.missing_pools import MissingPools
from .controller.retention import Retention
from .controller.sweep import Sweeper
from .dead_letters import DeadLetterPolicy
from .pcm_store import ObjectStorePcm
from .prepare.decoder_process import DecodeLimits, Spare
from .settings import Settings
from .transcribe.fair_semaphore import FairSemaphore
from .transcribe.handler import ChunkHandler, StartHandler
from .transcribe.model_watch import ModelWatch

Task = Callable[[asyncio.Event], Awaitable[object]]


class Dependencies:
    """The clients of one process, and the objects built on them."""

    def __init__(self, settings: Settings, pool: Pool, jetstream: JetStream, store: ObjectStore) -> None:
        self.settings = settings
        self.pool = pool
        self.jetstream = jetstream
        self.store = store
        self.outbox = Outbox(pool, jetstream, "orchestrator")
        self.on_dead_lettered = DeadLetterPolicy(self.outbox, settings.window_chunks)

    def worker(
        self,
        queue: Queue,
        handlers: Handlers,
        concurrency: int,
        may_pull: Callable[[], bool] = always,
        slots: int | None = None,
    ) -> Worker:
        return Worker(
            self.jetstream,
            self.outbox,
            queue,
            handlers,
            self.on_dead_lettered,
            concurrency=concurrency,
            delivery=Delivery.of(self.settings),
            grace_s=self.settings.grace_s,
            may_pull=may_pull,
            on_waiting=waiting.noting_in(self.pool),
            name=self.settings.worker_name,
            slots=slots,
        )


@dataclass(frozen=True, slots=True)
class Role:
    """A worker, the tasks that run beside it, and the checks that determine its readiness."""

    worker: Worker
    tasks: tuple[Task, ...] = ()
    checks: Checks = field(default_factory=dict)

    async def run(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            for task in (*self.tasks, self.worker.run):
                group.create_task(_run(task, stop))


def prepare(dependencies: Dependencies) -> Role:
    # Imported here because onnxruntime costs memory and startup time that the other workers need not spend.
    from .prepare.confinement import Confinement
    from .prepare.handler import PrepareHandler
    from .prepare.vad import load_detector

    settings = dependencies.settings
    limits = DecodeLimits(max_audio_s=settings.max_audio_s, stall_timeout_s=settings.decode_stall_timeout_s)
    spare = Spare(limits)
    handler = PrepareHandler(
        dependencies.pool,
        dependencies.outbox,
        dependencies.store,
        load_detector(),
        settings.scratch_dir,
        limits,
        speakers=settings.speakers,
        spare=spare,
    )
    confinement = Confinement(settings.required_measures)
    worker = dependencies.worker(
        Queue(Stage.PREPARE),
        {PrepareRecording: handler.handle},
        settings.prepare_concurrency,
        lambda: confinement.is_sufficient,
    )
    return Role(worker, (lambda _: confinement.try_out(), spare.run), {"confinement": confinement.check})


def transcribe(dependencies: Dependencies) -> Role:
    # Imported here for the same reason: gRPC and Triton's client.
    from .transcribe.triton_recognizer import TritonRecognizer, client

    settings = dependencies.settings
    semaphore = FairSemaphore(settings.model_requests, settings.model_requests_per_job)
    recognizer = TritonRecognizer(client(settings.triton_url), settings.pool, semaphore, settings.model_timeout_s)
    watch = ModelWatch(dependencies.pool, recognizer, settings.pool)
    built = (
        dependencies.pool,
        dependencies.outbox,
        ObjectStorePcm(dependencies.store),
        recognizer,
        settings.window_chunks,
    )
    start, chunk = StartHandler(*built, settings.pool), ChunkHandler(*built, lambda: watch.description)
    worker = dependencies.worker(
        Queue(Stage.TRANSCRIBE, settings.pool),
        {StartTranscription: start.handle, TranscribeChunk: chunk.handle},
        settings.transcribe_concurrency,
        lambda: watch.is_ready,
        min(settings.model_requests, settings.transcribe_concurrency),
    )
    return Role(worker, (watch.run,), {"model": watch.check})


def assemble(dependencies: Dependencies) -> Role:
    handler = AssembleHandler(dependencies.pool, dependencies.outbox, dependencies.store)
    handlers: Handlers = {AssembleTranscript: handler.handle}
    return Role(dependencies.worker(Queue(Stage.ASSEMBLE), handlers, dependencies.settings.assemble_concurrency))


def controller(dependencies: Dependencies) -> Role:
    settings, pool, jetstream = dependencies.settings, dependencies.pool, dependencies.jetstream
    outbox = dependencies.outbox
    controller = Controller(
        outbox,
        Sweeper(pool, outbox, jetstream, settings.stuck_after_s),
        Advisories(jetstream, dependencies.on_dead_lettered),
        Retention(pool, dependencies.store, settings.keep_failed_pcm_s),
        Deletions(pool, dependencies.store, jetstream),
        DiarizationDeadline(pool, outbox, settings.diarization_deadline_s),
        MissingPools(pool, outbox, settings.declared_pools, settings.model_wait_timeout_s),
        Gauges(pool, jetstream, settings.declared_pools),
        Backlog(pool, jetstream, settings.declared_pools, settings.window_chunks, settings.max_audio_s),
        settings.sweep_every_s,
    )
    control = ControlCommands(outbox, jetstream)
    return Role(dependencies.worker(Queue(CONTROL), control.handlers, 4), (controller.run,))


ROLES = {"prepare": prepare, "transcribe": transcribe, "assemble": assemble, "controller": controller}


@asynccontextmanager
async def start(name: str, settings: Settings, startup: Startup) -> AsyncIterator[Running]:
    async with AsyncExitStack() as stack:
        jetstream = await stack.enter_async_context(broker.connect(settings, f"orchestrator-{name}"))
        pool = await stack.enter_async_context(startup.database(settings))
        store = await stack.enter_async_context(objects.connect(settings))
        await startup.wait_for("nats", jetstream.check)
        role = ROLES[name](Dependencies(settings, pool, jetstream, store))

        async def work(stop: asyncio.Event) -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(send_heartbeats(pool, name, stop))
                group.create_task(role.run(stop))

        reported: Checks = {"postgresql": lambda: pool.fetchval("SELECT 1"), "nats": role.worker.ready}
        yield Running(work, checks=role.checks, reported=reported)


async def _run(task: Task, stop: asyncio.Event) -> None:
    await task(stop)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m voicepipe_orchestrator")
    parser.add_argument("role", choices=ROLES)
    role = parser.parse_args().role
    return run_service(f"orchestrator-{role}", Settings, partial(start, role))


if __name__ == "__main__":
    sys.exit(main())
