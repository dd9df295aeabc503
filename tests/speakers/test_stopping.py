"""A diarizer that is stopped hands its recording back, however long it would still take."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
import soundfile
from accuracy.corpus import phone_call
from nats.js.errors import NotFoundError
from support.eventually import eventually_async
from voicepipe_local.testing import real_models
from voicepipe_local.triton import ROOT
from voicepipe_wire.jobs import jobs
from voicepipe_wire.jobs.jobs import NewJob
from voicepipe_wire.jobs.stages import Event, Stage, advance
from voicepipe_wire.messaging import broker
from voicepipe_wire.messaging.broker import JetStream
from voicepipe_wire.messaging.outbox import Outbox
from voicepipe_wire.messaging.subjects import Queue
from voicepipe_wire.settings import Settings
from voicepipe_wire.storage import database, objects
from voicepipe_wire.storage.database import Pool
from voicepipe_wire.storage.objects import MultipartWriter, ObjectStore

OPTIONS = {"model": {"name": "accurate", "tier": "accurate"}, "language": "en", "task": "transcribe", "diarize": True}
# Python imports this module at its start. It makes the clustering last for ever, without a call of any hook.
ENDLESS_CLUSTERING = """
import time
import scipy.cluster.hierarchy
scipy.cluster.hierarchy.linkage = lambda *_, **__: time.sleep(1_000_000)
"""
CALL_S = 30


@dataclass
class Installation:
    pool: Pool
    jetstream: JetStream
    store: ObjectStore

    async def prepared(self, calls: int) -> UUID:
        """A job whose diarization is queued. Its recording is the phone call, so many times."""
        pcm = soundfile.read(phone_call().path, dtype="int16")[0].tobytes()
        job_id, key = uuid4(), f"pcm/of/{uuid4()}"
        async with MultipartWriter(self.store, key) as writer:
            for _ in range(calls):
                await writer.write(pcm)
            await writer.finish()
        outbox = Outbox(self.pool, self.jetstream, "test")
        owner_id = await self.pool.fetchval("INSERT INTO users (name) VALUES ('owner') RETURNING id")
        async with outbox.transaction() as transaction:
            await transaction.connection.execute(
                "INSERT INTO recordings (id, owner_id, name, media_type, size_bytes, sha256, object_key)"
                " VALUES ($1, $2, 'call.wav', 'audio/wav', 1, sha256('call'), 'audio/none')",
                job_id,
                owner_id,
            )
            await jobs.create(transaction, NewJob(job_id, owner_id, job_id, "standard", OPTIONS))
        for event in (Event.START, Event.FINISH):
            async with outbox.transaction() as transaction:
                job = await jobs.lock(transaction.connection, job_id)
                await jobs.set_prepared(transaction, job, duration_s=calls * CALL_S, speech_s=1.0, pcm_key=key)
                await jobs.save(transaction, job, advance(job.stages, Stage.PREPARE, event))
        return job_id

    async def progress(self, job_id: UUID) -> float:
        query = "SELECT done_s / nullif(total_s, 0) FROM stages WHERE job_id = $1 AND stage = 'diarize'"
        return await self.pool.fetchval(query, job_id) or 0.0

    async def commands(self) -> tuple[int, int, int]:
        """How many commands wait, are in flight, and were delivered more than once."""
        consumer = Queue(Stage.DIARIZE).consumer("standard")
        info = await self.jetstream.context.consumer_info("WORK", consumer)
        return info.num_pending, info.num_ack_pending, info.num_redelivered


@pytest.fixture
def settings(database_url, nats_url, object_store) -> Settings:
    return Settings(
        database_url=database_url,
        nats_url=nats_url,
        s3_endpoint=object_store.endpoint,
        s3_bucket=object_store.bucket,
        s3_access_key=object_store.access_key,
        s3_secret_key=object_store.secret_key,
    )


@pytest.fixture
async def installation(settings: Settings) -> AsyncIterator[Installation]:
    async with _connected(settings) as found:
        yield found


@asynccontextmanager
async def _connected(settings: Settings) -> AsyncIterator[Installation]:
    pool = await database.connect(settings)
    async with broker.connect(settings, "test") as jetstream, objects.connect(settings) as store:
        await eventually_async(lambda: jetstream.is_connected)
        for name in ("WORK", "EVENTS", "DLQ", "ADVISORIES", "BACKLOG"):
            with suppress(NotFoundError):
                await jetstream.context.delete_stream(name)
        await jetstream.ensure_streams()
        yield Installation(pool, jetstream, store)
    await database.close(pool)


@contextmanager
def diarizer(settings: Settings, scratch_dir, port: int, **more: str):
    environment = {
        "VOICEPIPE_DATABASE_URL": settings.database_url.get_secret_value(),
        "VOICEPIPE_NATS_URL": settings.nats_url.get_secret_value(),
        "VOICEPIPE_S3_ENDPOINT": settings.s3_endpoint,
        "VOICEPIPE_S3_BUCKET": settings.s3_bucket,
        "VOICEPIPE_S3_ACCESS_KEY": settings.s3_access_key.get_secret_value(),
        "VOICEPIPE_S3_SECRET_KEY": settings.s3_secret_key.get_secret_value(),
        "VOICEPIPE_HTTP_PORT": str(port),
        "VOICEPIPE_DIARIZATION_MODEL": str(real_models() / "pyannote-campplus"),
        "VOICEPIPE_SCRATCH_DIR": str(scratch_dir),
        "VOICEPIPE_THREADS": "1",
        "VOICEPIPE_GRACE_S": "1",
        "PYANNOTE_METRICS_ENABLED": "0",
    }
    command = [ROOT / ".venv-diarizer/bin/python", "-m", "voicepipe_diarizer"]
    with subprocess.Popen(command, env=os.environ | environment | more) as process:
        try:
            yield process
        finally:
            process.kill()


async def stop(process: subprocess.Popen) -> int:
    process.send_signal(signal.SIGTERM)
    return await eventually_async(lambda: [process.returncode] if process.poll() is not None else None, 60)


async def check_handed_back(installation: Installation, job_id: UUID) -> None:
    assert await installation.commands() == (1, 0, 0)
    job = await jobs.read(installation.pool, job_id)
    assert (job.stages[Stage.DIARIZE], job.attempts[Stage.DIARIZE]) == ("running", 1)


@pytest.mark.servers
async def test_three_hours_are_handed_back_in_their_middle(installation, settings, tmp_path, free_port):
    job_id = await installation.prepared(calls=360)
    with diarizer(settings, tmp_path, free_port) as process:
        await eventually_async(lambda: installation.progress(job_id), 300)
        assert await stop(process) == [0]
    assert 0 < await installation.progress(job_id) < 1
    await check_handed_back(installation, job_id)


@pytest.mark.servers
async def test_a_recording_is_handed_back_while_its_clustering_calls_no_hook(
    installation, settings, tmp_path, free_port
):
    (tmp_path / "sitecustomize.py").write_text(ENDLESS_CLUSTERING)
    job_id = await installation.prepared(calls=1)
    with diarizer(settings, tmp_path, free_port, PYTHONPATH=str(tmp_path)) as process:
        await eventually_async(lambda: _is_clustering(installation, job_id), 120)
        assert await stop(process) == [0]
    await check_handed_back(installation, job_id)


async def _is_clustering(installation: Installation, job_id: UUID) -> bool:
    return await installation.progress(job_id) > 0.999
