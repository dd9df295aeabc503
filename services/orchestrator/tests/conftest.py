"""Fixtures: workers on real servers, and recordings for them."""

import socket

import pytest
from fixtures.meeting import compose
from voicepipe_orchestrator.settings import Settings
from worker_pipeline import open_pipeline


@pytest.fixture
def settings(database_url, nats_url, object_store, triton, tmp_path):
    return Settings(
        database_url=database_url,
        nats_url=nats_url,
        s3_endpoint=object_store.endpoint,
        s3_bucket=object_store.bucket,
        s3_access_key=object_store.access_key,
        s3_secret_key=object_store.secret_key,
        triton_url=triton,
        scratch_dir=tmp_path,
        sweep_every_s=0.5,
        stuck_after_s=1.0,
        ack_wait_s=3.0,
    )


@pytest.fixture
async def pipeline(settings):
    async with open_pipeline(settings) as running:
        yield running


@pytest.fixture(scope="module")
def meeting():
    return compose(60, ["linda", "robert"], seed=3)


@pytest.fixture(scope="module")
def long_meeting():
    return compose(150, ["linda", "robert", "steph"], seed=4)


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        yield server
