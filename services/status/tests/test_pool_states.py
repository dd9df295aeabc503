"""What an autoscaler says of its pools reaches clients: who sleeps, and when a worker can begin."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from support.eventually import eventually_async
from voicepipe_status.pool_states import UNKNOWN_AFTER_S, PoolStates
from voicepipe_wire.errors import Unavailable
from voicepipe_wire.messaging import broker
from voicepipe_wire.messaging.subjects import BACKLOG_SUBJECT, Queue, pool_state
from voicepipe_wire.v1.scaling_pb2 import BacklogSnapshot, PoolState, QueueBacklog

from .conftest import OPTIONS, Client, Pipeline, Service

ACCURATE, DIARIZE = Queue("transcribe", "accurate"), Queue("diarize")
ASLEEP = {"replicas": 0, "ready": 0, "ready_in_s": 40.04}
WAKING = {"replicas": 1, "ready": 0, "ready_in_s": 12.0}
STUCK = {"replicas": 0, "ready": 0}  # paused, for example
AT_WORK = {"replicas": 1, "ready": 1, "ready_in_s": 0.0}


async def say(service: Service, queue: Queue, **fields: Any) -> None:
    """Say how a pool is, as an autoscaler does, and wait until the service knows it."""
    state = PoolState(at_s=time.time(), stage=queue.stage, pool=queue.pool or "", **fields)
    pools = service.dependencies.pools

    async def has_arrived() -> bool:
        with suppress(Unavailable):  # the connection may have just been lost
            await service.pipeline.jetstream.send(pool_state(queue), state.SerializeToString())
        await asyncio.sleep(0.05)
        return pools.of(queue.stage, queue.pool or "") == state

    await eventually_async(has_arrived, 30)


@pytest.fixture
async def seen_before(pipeline: Pipeline) -> None:
    """A model and a diarizer whose workers were last seen a minute ago."""
    before = "now() - interval '1 minute'"
    await pipeline.pool.execute(
        f"INSERT INTO models (name, description, seen_at) VALUES ('accurate', '{{}}', {before})"  # noqa: S608 - constants
    )
    await pipeline.pool.execute(
        f"INSERT INTO workers (id, stage, version, seen_at) VALUES (gen_random_uuid(), 'diarize', '1', {before})"  # noqa: S608
    )


async def availability(client: Client) -> list[tuple[str, float | None]]:
    """Of the model and of the diarizer."""
    offered = (await client.get("/v1/capabilities")).json()
    return [(one["state"], one["ready_in_s"]) for one in (offered["models"][0], offered["speakers"])]


@pytest.mark.usefixtures("seen_before")
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (ASLEEP, ("asleep", 40.0)),
        (WAKING, ("asleep", 12.0)),
        (STUCK, ("away", None)),
        (AT_WORK, ("away", None)),  # its worker does not report, whatever its pod says
    ],
)
async def test_a_pool_without_workers_is_asleep_if_its_autoscaler_will_wake_it(
    alice: Client, service: Service, fields: dict[str, Any], expected: tuple[str, float | None]
):
    assert await availability(alice) == [("away", None), ("away", None)]
    await say(service, ACCURATE, **fields)
    await say(service, DIARIZE, **fields)
    assert await availability(alice) == [expected, expected]


@pytest.mark.usefixtures("seen_before")
@pytest.mark.parametrize(
    ("fields", "expected"),
    [(ASLEEP, ("asleep", 40.0)), (WAKING, ("ready", 0)), (STUCK, ("away", None)), (AT_WORK, ("ready", 0))],
)
async def test_a_worker_that_was_seen_before_its_pool_went_to_sleep_is_not_ready(
    alice: Client, service: Service, fields: dict[str, Any], expected: tuple[str, float | None]
):
    for table in ("models", "workers"):
        await service.pipeline.pool.execute(f"UPDATE {table} SET seen_at = now()")  # noqa: S608 - constants
    await say(service, ACCURATE, **fields)
    await say(service, DIARIZE, **fields)
    assert await availability(alice) == [expected, expected]


async def test_an_estimate_includes_the_start_of_workers_that_sleep(alice: Client, service: Service):
    pipeline, now = service.pipeline, datetime.now(UTC)
    for _ in range(2):
        done = await pipeline.job(alice.owner_id, duration_s=100.0, state="completed", finished_at=now)
        await pipeline.pool.execute(
            "UPDATE stages SET state = 'done', finished_at = $2::timestamptz, started_at = $2::timestamptz - interval '10 s'"
            " WHERE job_id = $1 AND state <> 'skipped'",
            done,
            now,
        )
    job_id = await pipeline.job(alice.owner_id, duration_s=100.0, speech_s=50.0)

    async def estimate() -> float | None:
        return (await alice.get(f"/v1/transcriptions/{job_id}")).json()["eta_s"]

    awake = await estimate()
    assert awake == pytest.approx(10 + 5 + 10)
    await say(service, ACCURATE, **ASLEEP)
    assert await estimate() == pytest.approx(40 + 5 + 10, abs=0.1)
    await say(service, Queue("transcribe", "fast"), **WAKING)
    other = await pipeline.job(
        alice.owner_id, duration_s=100.0, options=OPTIONS | {"model": {"name": "fast", "tier": "fast"}}
    )
    assert (await alice.get(f"/v1/transcriptions/{other}")).json()["eta_s"] is None, "no speed of this model is known"
    await say(service, ACCURATE, **STUCK)
    assert await estimate() is None
    await say(service, ACCURATE, **AT_WORK)
    assert await estimate() == awake


async def test_operators_see_the_replicas_of_a_pool_beside_its_queue(service: Service):
    operator = await service.user("grace", operator=True)
    await say(service, DIARIZE, **WAKING)
    queues = [QueueBacklog(stage=stage, priority="standard") for stage in ("diarize", "prepare")]
    snapshot = BacklogSnapshot(at_s=time.time(), queues=queues)
    await service.pipeline.jetstream.publish(BACKLOG_SUBJECT, snapshot.SerializeToString(), {})
    found = (await operator.get("/v1/admin/queues")).json()["queues"]
    assert [(one["replicas"], one["ready_replicas"], one["ready_in_s"]) for one in found] == [
        (1, 0, 12.0), (None, None, None),
    ]  # fmt: skip


async def test_what_was_said_half_a_minute_ago_is_not_known_any_more(service: Service):
    jetstream, now_s = service.pipeline.jetstream, 0.0
    pools, stop = PoolStates(jetstream, lambda: now_s), asyncio.Event()
    running = asyncio.create_task(pools.run(stop))

    async def known() -> bool:
        await jetstream.send(pool_state(DIARIZE), PoolState(stage="diarize", ready_in_s=40).SerializeToString())
        await asyncio.sleep(0.05)
        return pools.of("diarize") is not None

    await eventually_async(known)
    assert pools.waits_s("accurate") == {"diarize": 40.0}
    now_s = UNKNOWN_AFTER_S + 1
    assert pools.of("diarize") is None
    assert pools.waits_s("accurate") == {}
    stop.set()
    await running


async def test_a_message_that_is_none_changes_nothing(service: Service):
    await say(service, DIARIZE, **WAKING)
    await service.pipeline.jetstream.send(pool_state(DIARIZE), b"\xff\xff")
    await say(service, ACCURATE, **ASLEEP)  # received after it
    state = service.dependencies.pools.of("diarize")
    assert state is not None
    assert state.ready_in_s == 12.0


async def test_states_arrive_again_after_the_broker_was_away(start, private_nats):
    url, server = private_nats()
    async with start(nats=url) as service:
        await say(service, DIARIZE, **ASLEEP)
        await asyncio.to_thread(server.kill)
        await eventually_async(lambda: not service.pipeline.jetstream.is_connected, 30)
        await asyncio.to_thread(server.start)
        await say(service, DIARIZE, **WAKING)


async def test_a_service_that_starts_before_the_broker_hears_it_later(service: Service, private_nats):
    url, server = private_nats()
    await asyncio.to_thread(server.kill)
    settings = service.dependencies.settings.model_copy(
        update={"nats_url": type(service.dependencies.settings.nats_url)(url)}
    )
    async with broker.connect(settings, "test") as jetstream:
        pools, stop = PoolStates(jetstream), asyncio.Event()
        running = asyncio.create_task(pools.run(stop))
        await asyncio.sleep(1.0)
        assert not running.done()
        await asyncio.to_thread(server.start)

        async def known() -> bool:
            if jetstream.is_connected:
                await jetstream.send(pool_state(DIARIZE), PoolState(stage="diarize").SerializeToString())
            await asyncio.sleep(0.05)
            return pools.of("diarize") is not None

        await eventually_async(known, 30)
        stop.set()
        await running
