"""kopf in its thread, without an API."""

import asyncio
import time

import kopf
import pytest
from voicepipe_autoscaler.operator import cluster
from voicepipe_autoscaler.operator.cluster import Cluster, operator_settings


@pytest.fixture(autouse=True)
def unreachable(monkeypatch):
    """An API server that refuses connections."""
    made = kopf.ConnectionInfo(server="http://127.0.0.1:9", token="x")
    monkeypatch.setattr(kopf, "login_with_service_account", lambda **_: made)


async def test_the_watch_ends_when_it_is_stopped_although_the_api_is_away():
    stop = asyncio.Event()
    watching = asyncio.create_task(cluster.watch(Cluster(), "here", {"a": "b"}, operator_settings(), stop))
    await asyncio.sleep(2)
    assert not watching.done(), "it waits for the API"
    began = time.monotonic()
    stop.set()
    await asyncio.wait_for(watching, 15)
    assert time.monotonic() - began < 10  # kopf gives tasks that hang five seconds


async def test_watches_that_end_by_themselves_end_the_operator():
    settings = operator_settings()
    settings.networking.error_backoffs = [0.1]
    with pytest.raises(Exception, match=r"watches have ended|127\.0\.0\.1"):
        async with asyncio.timeout(30):
            await cluster.watch(Cluster(), "here", {"a": "b"}, settings, asyncio.Event())
