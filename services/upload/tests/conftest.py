"""Fixtures: upload on real servers, in this process or in its own."""

import asyncio
import json
import random
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import grpc
import httpx
import pytest
from leftovers import Leftovers
from rpc_client import Client
from support.eventually import eventually_async
from upload_process import Process
from voicepipe_local import gateway as caddy
from voicepipe_local import testing
from voicepipe_local.data_dir import free_port
from voicepipe_upload import app
from voicepipe_upload.settings import Settings
from voicepipe_wire.messaging import broker
from voicepipe_wire.rpc.server import RpcServer
from voicepipe_wire.storage import objects
from voicepipe_wire.storage.database import connect as connect_database
from voicepipe_wire.web import keys

WHISPER = {
    "model": "whisper-small",
    "engine": "ctranslate2",
    "tier": "accurate",
    "languages": ["en", "de"],
    "tasks": ["transcribe", "translate"],
}
# A WAV header, to be followed by noise: enough for the checks of upload.
WAV = (
    b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\x3e\x00\x00\x00\x7d\x00\x00\x02\x00\x10\x00data"
)


@pytest.fixture
def servers(database_url, nats_url, object_store):
    return {
        "VOICEPIPE_DATABASE_URL": database_url,
        "VOICEPIPE_NATS_URL": nats_url,
        "VOICEPIPE_S3_ENDPOINT": object_store.endpoint,
        "VOICEPIPE_S3_BUCKET": object_store.bucket,
        "VOICEPIPE_S3_ACCESS_KEY": object_store.access_key,
        "VOICEPIPE_S3_SECRET_KEY": object_store.secret_key,
    }


@pytest.fixture
def migrated():
    return testing.migrate


@pytest.fixture
async def nats_streams(nats_url, settings):
    async with broker.connect(settings(), "tests") as jetstream:
        await eventually_async(lambda: jetstream.is_connected)
        await jetstream.ensure_streams()
        yield


@pytest.fixture
def processes(servers):
    """Call it to start a replica, optionally with its own settings."""
    started = []

    def start(**settings):
        process = Process(
            servers, free_port(), free_port(), extra={f"VOICEPIPE_{k.upper()}": str(v) for k, v in settings.items()}
        )
        process.start()
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()


@pytest.fixture
def process(processes):
    return processes()


@pytest.fixture
async def database(database_url):
    connection = await asyncpg.connect(database_url)
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
    await connection.execute("INSERT INTO models (name, description) VALUES ($1, $2)", "accurate", WHISPER)
    yield connection
    await connection.close()


@pytest.fixture
async def key(database, database_url):
    return await keys.create(database_url, "ada", "tests", operator=False)


@pytest.fixture
def gateway(process):
    """The URL of a real gateway in front of the process."""

    def component(data_dir):
        upload = caddy.Backend(f"127.0.0.1:{process.port}", f"127.0.0.1:{process.grpc_port}")
        nobody = caddy.Backend("127.0.0.1:9", "127.0.0.1:9")
        return caddy.component(data_dir, upload=[upload], status=[nobody])

    with testing._running(component, "gateway") as (data_dir, _):
        yield caddy.url(data_dir)


@pytest.fixture
async def other_key(database, database_url):
    return await keys.create(database_url, "bob", "tests", operator=False)


@pytest.fixture
def finish_job(database):
    """Call it with the id of a job to complete the job."""

    async def finish(job_id):
        await database.execute("UPDATE jobs SET state = 'completed', finished_at = now() WHERE id = $1", job_id)
        await database.execute(
            """
            INSERT INTO transcripts (job_id, owner_id, version, document)
            SELECT id, owner_id, 1, '{}' FROM jobs WHERE id = $1
            """,
            job_id,
        )

    return finish


@pytest.fixture
async def client(process, key):
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=process.url, headers=headers, timeout=60) as made:
        yield made


@pytest.fixture
def settings(servers):
    """Call it for settings with the servers of this test, with changes."""
    known = {name.removeprefix("VOICEPIPE_").lower(): value for name, value in servers.items()}
    return lambda **changes: Settings(**(known | changes))


@pytest.fixture
async def make_client(settings, key):
    """Call it for a client of upload in this process, which is faster than a separate process."""
    async with AsyncExitStack() as stack:

        async def make(**changes):
            made = settings(**changes)
            pool = await stack.enter_async_context(await connect_database(made))
            store = await stack.enter_async_context(objects.connect(made))
            jetstream = await stack.enter_async_context(broker.connect(made, "tests"))
            transport = httpx.ASGITransport(app.create(app.protocols(made, pool, store, jetstream)))
            headers = {"Authorization": f"Bearer {key}"}
            return await stack.enter_async_context(
                httpx.AsyncClient(transport=transport, base_url="http://upload", headers=headers, timeout=60)
            )

        yield make


@pytest.fixture
async def make_rpc_client(settings, key):
    """Call it for a gRPC client of upload in this process; `other_key` for another user."""
    async with AsyncExitStack() as stack:

        async def make(other_key=None, **changes):
            made = settings(grpc_port=0, **changes)
            pool = await stack.enter_async_context(await connect_database(made))
            store = await stack.enter_async_context(objects.connect(made))
            jetstream = await stack.enter_async_context(broker.connect(made, "tests"))
            received_by = app.protocols(made, pool, store, jetstream)
            server = RpcServer(made, [app.service(received_by)], {}, grace_s=made.grace_s)
            stop = asyncio.Event()
            running = asyncio.create_task(server.run(stop))

            async def end():
                stop.set()
                await running

            stack.push_async_callback(end)
            return await stack.enter_async_context(rpc_client(server.port, other_key or key))

        yield make


@pytest.fixture
async def rpc(process, key):
    async with rpc_client(process.grpc_port, key) as made:
        yield made


@asynccontextmanager
async def rpc_client(port, key):
    # A connection of its own: gRPC shares those with the same arguments.
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 200)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        yield Client(channel, key)


@pytest.fixture
def leftovers(database, object_store):
    return Leftovers(database, object_store)


@pytest.fixture
def recording():
    """Call it for a recording of `size_bytes`; another `salt` gives another recording."""

    def make(size_bytes, salt=0):
        return (WAV + random.Random(salt).randbytes(size_bytes))[:size_bytes]

    return make
