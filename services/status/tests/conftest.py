"""The service in this process on real servers, with two users and a simulated pipeline."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import grpc
import httpx
import pytest
import uvicorn
from rpc_stubs import Rpc
from support import sse
from support.eventually import eventually_async
from support.sse import Event
from voicepipe_local.data_dir import free_port
from voicepipe_local.objectstore import ObjectStore as TestStore
from voicepipe_status.__main__ import start as start_service
from voicepipe_status.dependencies import Dependencies
from voicepipe_status.settings import StatusSettings
from voicepipe_wire.jobs import jobs
from voicepipe_wire.messaging.broker import JetStream
from voicepipe_wire.messaging.outbox import Outbox, Owned
from voicepipe_wire.service import Startup
from voicepipe_wire.storage import database
from voicepipe_wire.v1.events_pb2 import ChunkTranscribed, JobCompleted
from voicepipe_wire.web.auth import key_hash, new_key
from voicepipe_wire.web.cors import allowing
from voicepipe_wire.web.probes import Probes

OPTIONS = {
    "model": {"name": "accurate", "tier": "accurate"},
    "language": "auto",
    "task": "transcribe",
    "diarize": False,
}
AUDIO = bytes(range(256)) * 40
# The states of a job's stages in a state of the job. `diarize` is skipped.
STAGES = {
    "preparing": {"prepare": "running"},
    "transcribing": {"prepare": "done", "transcribe": "running"},
    "assembling": {"prepare": "done", "transcribe": "done", "assemble": "running"},
    "completed": {"prepare": "done", "transcribe": "done", "assemble": "done"},
    "failed": {"prepare": "failed", "transcribe": "cancelled", "assemble": "cancelled"},
    "cancelled": {"prepare": "cancelled", "transcribe": "cancelled", "assemble": "cancelled"},
}


@dataclass(frozen=True, slots=True)
class Client:
    """A user: its id, its key, and its clients."""

    owner_id: UUID
    key: str
    http: httpx.AsyncClient
    rpc: Rpc

    async def get(self, path: str, **request: Any) -> httpx.Response:
        return await self.http.get(path, **request)


@dataclass(slots=True)
class Pipeline:
    """Does what the other services would do."""

    pool: asyncpg.Pool
    outbox: Outbox
    jetstream: JetStream
    dependencies: Dependencies
    made: list[UUID] = field(default_factory=list)

    async def job(self, owner_id: UUID, **columns: Any) -> UUID:
        """Create a job whose first stage is queued, then set `columns` of `jobs`; its stages follow from the state."""
        job_id = uuid4()
        key = f"audio/{owner_id}/2026-03-01/{job_id}/original"
        recording = {"name": "meeting.wav", "media_type": "audio/wav"} | {
            name: columns.pop(name) for name in ("name", "media_type") if name in columns
        }
        async with self.outbox.transaction() as transaction:
            await transaction.connection.execute(
                "INSERT INTO recordings (id, owner_id, name, media_type, size_bytes, sha256, object_key)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7)",
                job_id,
                owner_id,
                recording["name"],
                recording["media_type"],
                len(AUDIO),
                hashlib.sha256(AUDIO).digest(),
                key,
            )
            priority = columns.pop("priority", "standard")
            await jobs.create(
                transaction, jobs.NewJob(job_id, owner_id, job_id, priority, columns.pop("options", OPTIONS))
            )
        if columns:
            names = ", ".join(f"{name} = ${place}" for place, name in enumerate(columns, start=2))
            await self.pool.execute(
                f"UPDATE jobs SET {names} WHERE id = $1",  # noqa: S608 - the test's own names
                job_id,
                *columns.values(),
            )
        for stage, state in STAGES.get(columns.get("state", ""), {}).items():
            await self.stage(job_id, stage, state=state)
        self.made.append(job_id)
        return job_id

    async def store_audio(self, job_id: UUID) -> None:
        await self.dependencies.objects.put(await self._object_key(job_id), AUDIO)

    async def stage(self, job_id: UUID, stage: str, **columns: Any) -> None:
        names = ", ".join(f"{name} = ${place}" for place, name in enumerate(columns, start=3))
        await self.pool.execute(
            f"UPDATE stages SET {names} WHERE job_id = $1 AND stage = $2",  # noqa: S608 - the test's own names
            job_id,
            stage,
            *columns.values(),
        )

    async def transcribe_chunks(self, owner_id: UUID, job_id: UUID, *indices: int) -> None:
        """Publish one `ChunkTranscribed` per index."""
        async with self.outbox.transaction() as transaction:
            for index in indices:
                event = ChunkTranscribed(job_id=str(job_id), chunk_index=index, text=f"word {index}", language="en")
                transaction.event(Owned(job_id, owner_id), event)

    async def end(self, owner_id: UUID, job_id: UUID) -> None:
        """Complete the job and publish the event."""
        async with self.outbox.transaction() as transaction:
            await transaction.connection.execute(
                "UPDATE jobs SET state = 'completed', finished_at = now(), changed_at = now() WHERE id = $1", job_id
            )
            await transaction.connection.execute(
                "UPDATE stages SET state = 'done', finished_at = now() WHERE job_id = $1", job_id
            )
            completed = JobCompleted(job_id=str(job_id), transcript_version=1)
            transaction.event(Owned(job_id, owner_id), completed)

    async def changes(self) -> list[str]:
        """What was changed for users and operators."""
        rows = await self.pool.fetch(
            """
            SELECT 'job' AS change FROM jobs WHERE requested_at IS NOT NULL
            UNION ALL SELECT 'deletion' FROM deletions
            UNION ALL SELECT 'name' FROM speaker_names
            UNION ALL SELECT 'no name' FROM jobs WHERE name_removed_at IS NOT NULL
            UNION ALL SELECT action FROM operator_actions
            """
        )
        return [row["change"] for row in rows]

    async def stages(self, job_id: UUID) -> dict[str, str]:
        rows = await self.pool.fetch("SELECT stage, state FROM stages WHERE job_id = $1", job_id)
        return {row["stage"]: row["state"] for row in rows}

    async def queued(self, job_id: UUID) -> list[str]:
        """The work of a job whose commands were written, oldest first."""
        rows = await self.pool.fetch(
            "SELECT work FROM outbox WHERE job_id = $1 AND work IS NOT NULL ORDER BY position", job_id
        )
        return [row["work"] for row in rows]

    async def _object_key(self, job_id: UUID) -> str:
        return await self.pool.fetchval("SELECT object_key FROM recordings WHERE id = $1", job_id)


@dataclass(slots=True)
class Service:
    """The running service; `user` creates clients."""

    url: str
    grpc_port: int
    pipeline: Pipeline
    dependencies: Dependencies
    stack: AsyncExitStack

    async def user(self, name: str = "", *, operator: bool = False) -> Client:
        key = new_key()
        owner_id = await self.pipeline.pool.fetchval(
            "INSERT INTO users (name, is_operator) VALUES ($1, $2) RETURNING id", name or uuid4().hex, operator
        )
        await self.pipeline.pool.execute(
            "INSERT INTO api_keys (owner_id, name, key_sha256) VALUES ($1, 'test', $2)", owner_id, key_hash(key)
        )
        client = httpx.AsyncClient(
            base_url=self.url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=httpx.Timeout(10, pool=None),
            limits=httpx.Limits(max_connections=None),
        )
        return Client(owner_id, key, await self.stack.enter_async_context(client), await self.rpc(key))

    async def rpc(self, key: str) -> Rpc:
        """A client over a connection of its own: gRPC shares those with the same arguments."""
        options = [("grpc.use_local_subchannel_pool", 1)]
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{self.grpc_port}", options)
        return Rpc(await self.stack.enter_async_context(channel), key)


StartService = Callable[..., Any]


def settings_for(database_url: str, nats_url: str, store: TestStore, **more: Any) -> StatusSettings:
    defaults = {
        "grpc_port": free_port(),
        "database_url": database_url,
        "nats_url": nats_url,
        "s3_endpoint": store.endpoint,
        "s3_bucket": store.bucket,
        "s3_access_key": store.access_key,
        "s3_secret_key": store.secret_key,
        "event_heartbeat_s": 0.5,
    }
    return StatusSettings(**(defaults | more))


@asynccontextmanager
async def running(settings: StatusSettings) -> AsyncIterator[Service]:
    """Run the service on a free port, with its hub following, and the simulated pipeline."""
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        probes = Probes()
        started = await stack.enter_async_context(start_service(settings, Startup(probes, stop)))
        probes.start(started.app, started.checks, started.reported, started.alive)
        dependencies = started.app.state.dependencies
        pool = await stack.enter_async_context(await database.connect(settings))
        jetstream = dependencies.hub._jetstream
        await eventually_async(lambda: jetstream.is_connected)
        await jetstream.ensure_streams()
        hub = asyncio.create_task(started.work(stop))
        server = uvicorn.Server(
            uvicorn.Config(
                allowing(settings, probes),
                port=0,
                lifespan="off",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=3,
            )
        )
        serving = asyncio.create_task(server._serve())
        while not (server.started and dependencies.hub._following):
            assert not serving.done()
            assert not hub.done()
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        pipeline = Pipeline(pool, Outbox(pool, jetstream, "test"), jetstream, dependencies)
        clients = await stack.enter_async_context(AsyncExitStack())
        try:
            yield Service(f"http://127.0.0.1:{port}", settings.grpc_port, pipeline, dependencies, clients)
        finally:
            stop.set()
            server.should_exit = True
            await asyncio.gather(hub, serving)


@pytest.fixture
def start(database_url: str, nats_url: str, object_store: TestStore) -> StartService:
    """Call it to run the service with other settings, or with another broker."""

    def start(**more: Any) -> Any:
        return running(settings_for(database_url, more.pop("nats", nats_url), object_store, **more))

    return start


@pytest.fixture
async def service(start: StartService) -> AsyncIterator[Service]:
    async with start() as service:
        yield service


@pytest.fixture
def pipeline(service: Service) -> Pipeline:
    return service.pipeline


@pytest.fixture
async def alice(service: Service) -> Client:
    return await service.user("alice")


@pytest.fixture
async def bob(service: Service) -> Client:
    return await service.user("bob")


@asynccontextmanager
async def following(client: Client, job_id: UUID, **headers: str) -> AsyncIterator[AsyncIterator[Event]]:
    """The events of a job, parsed as a client does (WHATWG HTML, 9.2.6)."""
    path = f"/v1/transcriptions/{job_id}/events"
    async with client.http.stream("GET", path, headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield sse.events_async(response.aiter_lines())


async def take(events: AsyncIterator[Event], count: int) -> list[Event]:
    async with asyncio.timeout(15):
        return [await anext(events) for _ in range(count)]


async def rest(events: AsyncIterator[Event]) -> list[Event]:
    async with asyncio.timeout(15):
        return [event async for event in events]
