"""What a pool of connections raises while PostgreSQL is away, on a real server."""

import asyncio
from contextlib import suppress

import asyncpg
import pytest
from support.eventually import eventually_async
from voicepipe_wire.errors import Dependency, Unavailable
from voicepipe_wire.failures import outage
from voicepipe_wire.messaging.outbox import Outbox
from voicepipe_wire.storage import database


async def terminate_others(pool) -> None:
    await pool.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )


async def test_a_lost_connection_is_an_outage_of_the_database(pool):
    async with pool.acquire() as connection:
        await terminate_others(pool)
        for _ in range(
            2
        ):  # the second error of asyncpg says only that the connection is closed, or is back in the pool
            with pytest.raises(Exception) as raised:  # noqa: PT011 - judged below
                await connection.fetchval("SELECT 1")
            assert outage(raised.value).dependency == Dependency.DATABASE
    await eventually_async(lambda: pool.fetchval("SELECT true"))


async def test_a_connection_that_is_lost_in_a_transaction_is_one_too(pool, jetstream):
    async def lose() -> None:
        async with Outbox(pool, jetstream, "test").transaction() as transaction:
            await terminate_others(pool)
            await transaction.connection.execute("SELECT 1")

    with pytest.raises(Exception) as raised:  # noqa: PT011 - judged below
        await lose()
    assert outage(raised.value).dependency == Dependency.DATABASE


async def test_a_read_only_server_is_one_too(pool):
    async with pool.acquire() as connection, connection.transaction(readonly=True):
        with pytest.raises(Unavailable, match="read-only"):
            await connection.execute("DELETE FROM users")


async def test_a_statement_that_takes_too_long_is_one_too(pool):
    with pytest.raises(Unavailable):
        await pool.fetchval("SELECT pg_sleep(5)", timeout=0.1)


@pytest.mark.parametrize("url", ["postgresql://localhost:1/x", "postgresql:///x?host=/nowhere"])
async def test_a_server_that_is_not_there_is_one_too(settings, url):
    with pytest.raises(Unavailable) as raised:
        await database.connect(settings.model_copy(update={"database_url": type(settings.database_url)(url)}))
    assert raised.value.dependency == Dependency.DATABASE


async def test_a_wrong_statement_is_a_bug_and_says_what_it_is(pool):
    with pytest.raises(asyncpg.UndefinedColumnError):
        await pool.execute("SELECT nothing")
    async with pool.acquire() as connection:
        running = asyncio.create_task(connection.execute("SELECT pg_sleep(0.2)"))
        await asyncio.sleep(0.05)
        with pytest.raises(asyncpg.InterfaceError, match="another operation"):
            await connection.execute("SELECT 1")
        with suppress(Exception):
            await running
