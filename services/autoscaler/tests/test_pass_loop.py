"""The loop over one pool: what fails is tried again, what hangs is noticed."""

import asyncio

import httpx
import pytest
from support.eventually import eventually_async
from voicepipe_autoscaler.control import loop as loop_module
from voicepipe_autoscaler.control.loop import PassLoop
from voicepipe_autoscaler.control.target import TargetAway
from voicepipe_wire.web.probes import Probes


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(loop_module, "EVERY_S", 0.01)
    monkeypatch.setattr(loop_module, "FAILING_AFTER_S", 0.3)


async def healthz(loop):
    probes = Probes()
    probes.start(None, {}, {}, {"passes": loop.check})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(probes), base_url="http://operator") as client:
        return (await client.get("/healthz")).status_code


async def test_a_pass_that_hangs_makes_the_process_unhealthy():
    hangs = asyncio.Event()

    async def step():
        if hangs.is_set():
            await asyncio.sleep(60)

    loop, stop = PassLoop("fast", step), asyncio.Event()
    running = asyncio.create_task(loop.run(stop))
    await asyncio.sleep(0.5)
    assert await healthz(loop) == 200
    hangs.set()
    await asyncio.sleep(0.5)
    with pytest.raises(ConnectionError, match="the last pass over fast ended"):
        await loop.check()
    assert await healthz(loop) == 503
    running.cancel()


@pytest.mark.parametrize("error", [TargetAway("no API"), RuntimeError("bug")])
async def test_a_pass_that_fails_is_tried_again_and_the_process_stays_healthy(error):
    passes = 0

    async def step():
        nonlocal passes
        passes += 1
        raise error

    loop, stop = PassLoop("fast", step), asyncio.Event()
    running = asyncio.create_task(loop.run(stop))
    await eventually_async(lambda: passes >= 3)
    assert await healthz(loop) == 200
    stop.set()
    await running
