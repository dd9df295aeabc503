"""The whole orchestrator in one process, on real servers, for one test."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import asyncpg
import soundfile
from nats.js.errors import NotFoundError
from support.eventually import eventually_async
from voicepipe_orchestrator import __main__ as roles
from voicepipe_orchestrator.settings import Settings
from voicepipe_wire.jobs import jobs
from voicepipe_wire.jobs.jobs import NewJob, StoredJob
from voicepipe_wire.jobs.stages import FINAL
from voicepipe_wire.messaging import broker
from voicepipe_wire.messaging.broker import JetStream
from voicepipe_wire.messaging.subjects import Queue
from voicepipe_wire.storage import database, objects
from voicepipe_wire.storage.objects import ObjectStore

ALL = ("prepare", "transcribe", "assemble", "controller")
OPTIONS = {
    "model": {"name": "accurate", "tier": "accurate"},
    "language": "auto",
    "task": "transcribe",
    "keyterms": [],
    "diarize": False,
    "min_speakers": None,
    "max_speakers": None,
    "priority": "standard",
}


@dataclass
class Pipeline:
    settings: Settings
    pool: asyncpg.Pool
    jetstream: JetStream
    store: ObjectStore
    owner_id: UUID
    running: dict[str, tuple[asyncio.Event, asyncio.Task[None]]] = field(default_factory=dict)

    @property
    def outbox(self):
        return roles.Dependencies(self.settings, self.pool, self.jetstream, self.store).outbox

    def start(self, *names: str, **settings: object) -> None:
        """Start workers; a name may end in a digit to have several of a kind."""
        for name in names:
            dependencies = roles.Dependencies(
                self.settings.model_copy(update=settings), self.pool, self.jetstream, self.store
            )
            role = roles.ROLES[name.rstrip("0123456789")](dependencies)
            stop = asyncio.Event()
            self.running[name] = (stop, asyncio.create_task(role.run(stop)))

    async def stop(self, *names: str) -> None:
        for name in names or list(self.running):
            stop, task = self.running.pop(name)
            stop.set()
            await asyncio.wait_for(task, 20)

    async def submit(self, data: bytes, **options: object) -> UUID:
        job_id = uuid4()
        key = f"audio/{self.owner_id}/2026-01-01/{job_id}/original"
        await self.store.put(key, data)
        async with self.outbox.transaction() as transaction:
            await transaction.connection.execute(
                "INSERT INTO recordings (id, owner_id, name, media_type, size_bytes, sha256, object_key) "
                "VALUES ($1, $2, 'meeting.wav', 'audio/wav', $3, $4, $5)",
                job_id,
                self.owner_id,
                len(data),
                hashlib.sha256(data).digest(),
                key,
            )
            priority = str(options.get("priority", "standard"))
            await jobs.create(transaction, NewJob(job_id, self.owner_id, job_id, priority, {**OPTIONS, **options}))
        return job_id

    async def job(self, job_id: UUID) -> StoredJob:
        job = await jobs.read(self.pool, job_id)
        assert job is not None
        return job

    async def end_of(self, job_id: UUID, timeout_s: float = 60) -> StoredJob:
        return await self.until(job_id, lambda job: job.state in FINAL, timeout_s)

    async def until(self, job_id: UUID, condition, timeout_s: float = 60) -> StoredJob:
        job: StoredJob | None = None

        async def matching() -> StoredJob | None:
            nonlocal job
            job = await self.job(job_id)
            return job if condition(job) else None

        return await eventually_async(matching, timeout_s, lambda: job and (job.state, dict(job.stages.stages)))

    async def transcript(self, job_id: UUID, version: int = 1) -> dict:
        return await self.pool.fetchval(
            "SELECT document FROM transcripts WHERE job_id = $1 AND version = $2", job_id, version
        )

    async def error_code(self, job_id: UUID) -> str | None:
        return await self.pool.fetchval("SELECT error_code FROM jobs WHERE id = $1", job_id)


def wav(recording) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, recording.samples, 16_000, format="WAV", subtype="PCM_16")
    return file.getvalue()


def words_of(document) -> list[str]:
    return [word["text"] for segment in document["segments"] for word in segment["words"]]


async def events_of(pipeline: Pipeline, job_id: UUID) -> list[str]:
    """Types of the events of a job, in their order."""
    types, sequence = [], 1
    while True:
        try:
            message = await pipeline.jetstream.context.get_msg(
                "EVENTS", sequence, next=True, subject=f"events.*.{job_id}.*"
            )
        except NotFoundError:
            return types
        types.append(message.subject.rpartition(".")[2])
        sequence = message.seq + 1


async def send_control(pipeline: Pipeline, message) -> None:
    """Send a control command."""
    async with pipeline.outbox.transaction() as transaction:
        transaction.command(Queue("control"), "premium", message, job_id=None, owner_id=None)


@asynccontextmanager
async def open_pipeline(settings: Settings) -> AsyncIterator[Pipeline]:
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(await database.connect(settings))
        jetstream = await stack.enter_async_context(broker.connect(settings, "test"))
        await eventually_async(lambda: jetstream.is_connected)
        for name in ("WORK", "EVENTS", "DLQ", "ADVISORIES", "BACKLOG"):
            with suppress(Exception):
                await jetstream.context.delete_stream(name)
        await jetstream.ensure_streams()
        owner_id = await pool.fetchval("INSERT INTO users (name) VALUES ('owner') RETURNING id")
        async with objects.connect(settings) as store:
            pipeline = Pipeline(settings, pool, jetstream, store, owner_id)
            try:
                yield pipeline
            finally:
                tasks = [task for _, task in pipeline.running.values()]
                for stop, task in pipeline.running.values():
                    stop.set()
                    task.cancel()
                if tasks:
                    await asyncio.wait(tasks, timeout=10)
