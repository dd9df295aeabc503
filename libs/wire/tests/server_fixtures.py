"""Connections to the real servers of a test. A package whose tests use them imports them into its conftest.py."""

import os
from contextlib import suppress

import pytest
from support.eventually import eventually_async
from voicepipe_wire.messaging import broker
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
    async with broker.connect(settings, f"test-{os.getpid()}") as jetstream:
        await eventually_async(lambda: jetstream.is_connected)
        for name in ("WORK", "EVENTS", "DLQ", "ADVISORIES", "BACKLOG"):
            with suppress(Exception):
                await jetstream.context.delete_stream(name)
        await jetstream.ensure_streams()
        yield jetstream
