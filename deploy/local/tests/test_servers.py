"""Every server of the stack starts from its wheel and keeps its data when it is killed."""

from io import BytesIO

import asyncpg
import nats


async def test_jetstream_keeps_a_message_when_the_server_is_killed(private_nats):
    url, server = private_nats()
    client = await nats.connect(url)
    await client.jetstream().add_stream(name="KEPT", subjects=["kept.>"])
    await client.jetstream().publish("kept.one", b"here")
    await client.close()
    server.kill()
    server.start()
    client = await nats.connect(url)
    assert (await client.jetstream().get_last_msg("KEPT", "kept.one")).data == b"here"
    await client.close()


async def test_a_database_keeps_its_rows_when_the_server_is_killed(private_postgres):
    url, server = private_postgres()
    connection = await asyncpg.connect(url)
    await connection.execute("create table kept (name text)")
    await connection.execute("insert into kept values ('here')")
    connection.terminate()
    server.kill()
    server.start()
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("select name from kept") == "here"
    await connection.close()


def test_the_object_store_keeps_an_object_when_the_server_is_killed(private_object_store):
    store, server = private_object_store()
    store.client().put_object(store.bucket, "kept", BytesIO(b"here"), 4)
    server.kill()
    server.start()
    with store.client().get_object(store.bucket, "kept") as answer:
        assert answer.data == b"here"


async def test_every_test_gets_an_empty_database(empty_database_url):
    connection = await asyncpg.connect(empty_database_url)
    assert await connection.fetchval("select count(*) from pg_tables where schemaname = 'public'") == 0
    await connection.execute("create table mine ()")
    await connection.close()


def test_every_test_gets_an_empty_bucket(object_store):
    assert list(object_store.client().list_objects(object_store.bucket)) == []
