"""The table of served models."""

import asyncio

import pytest
from support.eventually import eventually_async
from voicepipe_orchestrator.transcribe.model_registry import any_model_registered, register_models
from voicepipe_wire.storage import database


async def test_transcribe_is_not_ready_until_a_model_is_registered(database_url, settings):
    async with await database.connect(settings) as pool:
        with pytest.raises(LookupError):
            await any_model_registered(pool)
        await pool.execute("INSERT INTO models (name, description) VALUES ('whisper', '{}')")
        await any_model_registered(pool)


class Described:
    """A recognizer with the given pools."""

    def __init__(self, **pools):
        self.pools = pools

    async def describe(self):
        return {pool: {"model": model} for pool, model in self.pools.items()}


async def test_a_configured_pool_stays_registered_while_it_is_down(database_url, settings):
    async with await database.connect(settings) as pool:
        await pool.execute(
            "INSERT INTO models (name, description, seen_at) SELECT name, '{}', now() - interval '1 hour' "
            "FROM unnest(ARRAY['accurate', 'fast', 'whisper']) AS name"
        )
        stop = asyncio.Event()
        task = asyncio.create_task(register_models(pool, Described(fast="tiny"), ["accurate", "fast"], stop))
        await eventually_async(lambda: pool.fetchval("SELECT count(*) <> 3 FROM models"))
        stop.set()
        await task
        rows = await pool.fetch("SELECT name, description FROM models ORDER BY name")
        assert [tuple(row) for row in rows] == [("accurate", {}), ("fast", {"model": "tiny"})]
