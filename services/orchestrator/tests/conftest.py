"""A pipeline of workers on real servers."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from pipeline import pipeline as open_pipeline
from voicepipe_orchestrator.settings import Settings


@pytest.fixture
def settings(database_url, nats_url, object_store, triton, tmp_path):
    return Settings(
        database_url=database_url,
        nats_url=nats_url,
        s3_endpoint=object_store.endpoint,
        s3_bucket=object_store.bucket,
        s3_access_key=object_store.access_key,
        s3_secret_key=object_store.secret_key,
        triton_urls=f"accurate={triton}",
        scratch_dir=tmp_path,
        sweep_every_s=0.5,
        stuck_after_s=1.0,
        ack_wait_s=3.0,
    )


@pytest.fixture
async def pipeline(settings):
    async with open_pipeline(settings) as made:
        yield made
