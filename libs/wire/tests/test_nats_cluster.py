"""Streams and commands on a NATS cluster of three real servers."""

from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest
from command_worker import Handler, send, working
from nats.errors import Error as NatsError
from nats_cluster import NatsCluster
from support.eventually import eventually_async
from voicepipe_wire.errors import Unavailable
from voicepipe_wire.messaging import broker
from voicepipe_wire.messaging.outbox import Outbox
from voicepipe_wire.messaging.subjects import WORK
from voicepipe_wire.settings import Settings

STREAMS = [str(config.name) for config in broker.STREAMS]
COMMANDS = 60

pytestmark = pytest.mark.servers


@pytest.fixture
def cluster(tmp_path):
    with NatsCluster(tmp_path) as running:
        yield running


@asynccontextmanager
async def connected(cluster, database_url, *, replicas=1, node="n0"):
    settings = Settings(
        database_url=database_url,
        nats_url=cluster.url(node),
        nats_replicas=replicas,
        s3_access_key="",
        s3_secret_key="",
    )
    async with broker.connect(settings, "test") as jetstream:

        async def has_leader() -> bool:
            with suppress(Unavailable):
                await jetstream.ensure_streams()
                return True
            return False

        await eventually_async(lambda: jetstream.is_connected)
        await eventually_async(has_leader, 30)
        yield jetstream


async def configurations(jetstream):
    return {name: (await jetstream.context.stream_info(name)).config for name in STREAMS}


async def test_streams_are_created_with_the_replicas_of_the_setting(cluster, database_url):
    async with connected(cluster, database_url, replicas=3) as jetstream:
        assert {config.num_replicas for config in (await configurations(jetstream)).values()} == {3}


async def test_a_client_that_is_given_all_servers_begins_with_one_that_is_alive(cluster, database_url):
    cluster.kill("n0")
    urls = ",".join(cluster.url(node) for node in ("n0", "n1", "n2"))
    settings = Settings(database_url=database_url, nats_url=urls, s3_access_key="", s3_secret_key="")
    async with broker.connect(settings, "test") as jetstream:
        await eventually_async(lambda: jetstream.is_connected)


async def test_what_an_operator_set_survives_every_start_of_a_worker(cluster, database_url, pool):
    async with connected(cluster, database_url) as jetstream:
        before = await configurations(jetstream)
        assert {config.num_replicas for config in before.values()} == {1}
        for config in before.values():
            await jetstream.context.update_stream(
                replace(config, num_replicas=3, max_bytes=64 << 20, max_msg_size=1 << 20)
            )
        wanted = await configurations(jetstream)
    for _ in range(3):
        async with connected(cluster, database_url) as jetstream, working(pool, jetstream, Handler()) as worker:

            async def can_pull(worker=worker) -> bool:
                with suppress(ConnectionError):
                    await worker.ready()
                    return True
                return False

            await eventually_async(can_pull, 30)
            assert await configurations(jetstream) == wanted
    assert {config.num_replicas for config in wanted.values()} == {3}
    assert {config.max_bytes for config in wanted.values()} == {64 << 20}


@pytest.mark.parametrize("victim", ["the leader of the stream", "the node of the client"])
async def test_a_node_that_is_killed_under_load_loses_no_command(cluster, database_url, pool, victim):
    async with connected(cluster, database_url, replicas=3) as jetstream:
        outbox, handler = Outbox(pool, jetstream, "test"), Handler()
        async with working(pool, jetstream, handler, concurrency=4):
            for number in range(COMMANDS):
                await send(pool, jetstream, str(number))
                if number == COMMANDS // 3:
                    await eventually_async(lambda: bool(handler.seen))
                    info = await jetstream.context.stream_info(WORK)
                    leader, mine = info.cluster.leader, cluster.node_of(jetstream.client.connected_url.netloc)
                    killed = leader if victim == "the leader of the stream" else mine
                    cluster.kill(killed)

            async def is_through() -> bool:
                await outbox.relay(older_than_s=0)
                return set(handler.seen) == {str(number) for number in range(COMMANDS)}

            await eventually_async(is_through, 60, lambda: f"{len(set(handler.seen))} of {COMMANDS} commands handled")
            cluster.start(killed)
            await eventually_async(lambda: all_copies_current(jetstream), 60)
        assert not handler.dead_lettered
        assert await pool.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL") == 0


async def all_copies_current(jetstream) -> bool:
    try:
        info = await jetstream.context.stream_info(WORK)
    except (NatsError, TimeoutError):
        return False
    followers = info.cluster.replicas or []
    return (
        len(followers) == 2 and all(each.current and not each.offline for each in followers) and not info.state.messages
    )


async def test_commands_wait_in_the_outbox_while_most_nodes_are_away(cluster, database_url, pool):
    async with connected(cluster, database_url, replicas=3) as jetstream:
        outbox, handler = Outbox(pool, jetstream, "test"), Handler()
        async with working(pool, jetstream, handler):
            for name in ("n1", "n2"):
                cluster.kill(name)
            await send(pool, jetstream, "waits")
            assert await pool.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL") == 1
            assert not handler.seen
            for name in ("n1", "n2"):
                cluster.start(name)

            async def is_handled() -> bool:
                await outbox.relay(older_than_s=0)
                return set(handler.seen) == {"waits"}

            await eventually_async(is_handled, 60)
        assert not handler.dead_lettered
