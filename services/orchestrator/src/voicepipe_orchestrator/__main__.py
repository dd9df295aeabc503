"""Run one kind of worker: `python -m voicepipe_orchestrator prepare|transcribe|assemble|controller`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial

from fastapi import FastAPI
from voicepipe_wire.jobs.heartbeats import send_heartbeats
from voicepipe_wire.jobs.stages import Stage
from voicepipe_wire.messaging import broker
from voicepipe_wire.messaging.broker import Delivery, JetStream
from voicepipe_wire.messaging.consumer import Handlers, Worker
from voicepipe_wire.messaging.outbox import Outbox
from voicepipe_wire.messaging.subjects import CONTROL
from voicepipe_wire.service import run_service
from voicepipe_wire.storage import database, objects
from voicepipe_wire.storage.database import Pool
from voicepipe_wire.storage.objects import ObjectStore
from voicepipe_wire.v1.commands_pb2 import AssembleTranscript, PrepareRecording, StartTranscription, TranscribeChunk
from voicepipe_wire.web import server

from .assemble.handler import AssembleHandler
from .controller.advisories import Advisories
from .controller.commands import ControlCommands
from .controller.diarization_deadline import DiarizationDeadline
from .controller.loop import Controller
from .controller.retention import Retention
from .controller.sweep import Sweeper
from .dead_letters import DeadLetterPolicy
from .pcm_store import ObjectStorePcm
from .prepare.decode import DecodeLimits
from .settings import Settings
from .transcribe.fair_semaphore import FairSemaphore
from .transcribe.handler import ChunkHandler, StartHandler
from .transcribe.model_registry import any_model_registered, register_models

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

    def worker(self, stage: str, handlers: Handlers, concurrency: int) -> Worker:
        delivery = Delivery(self.settings.ack_wait_s, self.settings.max_deliver)
        return Worker(
            self.jetstream, stage, handlers, self.on_dead_lettered, concurrency=concurrency, delivery=delivery
        )


def prepare(dependencies: Dependencies) -> tuple[Worker, list[Task]]:
    # Imported here because onnxruntime costs memory and startup time that the other workers need not spend.
    from .prepare.handler import PrepareHandler
    from .prepare.vad import load_detector

    settings = dependencies.settings
    handler = PrepareHandler(
        dependencies.pool,
        dependencies.outbox,
        dependencies.store,
        load_detector(),
        settings.scratch_dir,
        DecodeLimits(max_audio_s=settings.max_audio_s),
    )
    return dependencies.worker(Stage.PREPARE, {PrepareRecording: handler.handle}, settings.prepare_concurrency), []


def transcribe(dependencies: Dependencies) -> tuple[Worker, list[Task]]:
    # Imported here for the same reason: gRPC and Triton's client.
    import tritonclient.grpc.aio as triton

    from .transcribe.triton_recognizer import KEEPALIVE, TritonRecognizer

    settings = dependencies.settings
    clients = {
        pool: triton.InferenceServerClient(address, keepalive_options=KEEPALIVE)
        for pool, address in settings.pools.items()
    }
    semaphore = FairSemaphore(settings.model_requests, settings.model_requests_per_job)
    recognizer = TritonRecognizer(clients, semaphore, settings.model_wait_timeout_s)
    built = (
        dependencies.pool,
        dependencies.outbox,
        ObjectStorePcm(dependencies.store),
        recognizer,
        settings.window_chunks,
    )
    start, chunk = StartHandler(*built), ChunkHandler(*built)

    handlers: Handlers = {StartTranscription: start.handle, TranscribeChunk: chunk.handle}
    worker = dependencies.worker(Stage.TRANSCRIBE, handlers, settings.transcribe_concurrency)
    return worker, [lambda stop: register_models(dependencies.pool, recognizer, settings.pools, stop)]


def assemble(dependencies: Dependencies) -> tuple[Worker, list[Task]]:
    handler = AssembleHandler(dependencies.pool, dependencies.outbox, dependencies.store)
    return dependencies.worker(
        Stage.ASSEMBLE, {AssembleTranscript: handler.handle}, dependencies.settings.assemble_concurrency
    ), []


def controller(dependencies: Dependencies) -> tuple[Worker, list[Task]]:
    settings = dependencies.settings
    controller = Controller(
        dependencies.outbox,
        Sweeper(dependencies.pool, dependencies.outbox, dependencies.jetstream, settings.stuck_after_s),
        Advisories(dependencies.jetstream, dependencies.on_dead_lettered),
        Retention(dependencies.pool, dependencies.store, settings.keep_failed_pcm_s),
        DiarizationDeadline(dependencies.pool, dependencies.outbox, settings.diarization_deadline_s),
        dependencies.jetstream,
        settings.sweep_every_s,
    )
    control = ControlCommands(dependencies.pool, dependencies.outbox, dependencies.store, dependencies.jetstream)
    return dependencies.worker(CONTROL, control.handlers, 4), [controller.run]


ROLES = {"prepare": prepare, "transcribe": transcribe, "assemble": assemble, "controller": controller}


async def run(role: str, settings: Settings) -> None:
    async with AsyncExitStack() as stack:
        pool = await database.connect(settings)
        stack.push_async_callback(pool.close)
        client = await broker.connect(settings, f"orchestrator-{role}")
        stack.push_async_callback(client.close)
        jetstream = JetStream(client)
        store = await stack.enter_async_context(objects.connect(settings))
        dependencies = Dependencies(settings, pool, jetstream, store)
        worker, tasks = ROLES[role](dependencies)

        async def work(stop: asyncio.Event) -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(send_heartbeats(pool, role, stop))
                for task in tasks:
                    group.create_task(_run(task, stop))
                group.create_task(worker.run(stop))

        app = FastAPI(title=f"Voicepipe orchestrator {role}", openapi_url=None, telemetry=server.NO_TELEMETRY)
        checks: server.Checks = {"postgres": lambda: pool.fetchval("SELECT 1"), "nats": worker.ready}
        server.install(
            app, {**checks, "models": lambda: any_model_registered(pool)} if role == Stage.TRANSCRIBE else checks
        )
        await server.serve(app, settings.http_host, settings.http_port, work)


async def _run(task: Task, stop: asyncio.Event) -> None:
    await task(stop)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m voicepipe_orchestrator")
    parser.add_argument("role", choices=ROLES)
    role = parser.parse_args().role
    return run_service(f"orchestrator-{role}", Settings, partial(run, role))


if __name__ == "__main__":
    sys.exit(main())
