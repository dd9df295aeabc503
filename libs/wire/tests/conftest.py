import os
from contextlib import suppress

import pytest
from voicepipe_wire.messaging import broker
from voicepipe_wire.messaging.broker import JetStream
from voicepipe_wire.settings import Settings
from voicepipe_wire.storage import database


@pytest.fixture
def settings(database_url, nats_url):
    return Settings(database_url=database_url, nats_url=nats_url, s3_access_key="", s3_secret_key="")


@pytest.fixture
async def pool(settings):
    pool = await database.connect(settings)
    yield pool
    await pool.close()


@pytest.fixture
async def jetstream(settings):
    client = await broker.connect(settings, f"test-{os.getpid()}")
    jetstream = JetStream(client)
    for name in ("WORK", "EVENTS", "DLQ", "ADVISORIES"):
        with suppress(Exception):
            await jetstream.context.delete_stream(name)
    await jetstream.ensure_streams()
    yield jetstream
    await client.close()
