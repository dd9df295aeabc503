"""Pools of speech models: announced by their workers, retired by the controller."""

import asyncio

import pytest
from support.eventually import eventually_async
from voicepipe_orchestrator import pools
from voicepipe_orchestrator.transcribe.model_watch import ModelWatch
from voicepipe_wire.errors import Dependency, Unavailable
from voicepipe_wire.storage import database


@pytest.fixture
async def database_pool(settings):
    async with await database.connect(settings) as pool:
        yield pool


class Model:
    """A recognizer whose model answers, or does not."""

    def __init__(self, error=None):
        self.answers = True
        self.error = error or Unavailable(Dependency.SPEECH_MODEL, "gone")

    async def describe(self):
        if not self.answers:
            raise self.error
        return {"model": "tiny", "languages": ["en"]}


async def age(pool, column, seconds):
    await pool.execute(f"UPDATE models SET {column} = now() - make_interval(secs => $1)", float(seconds))  # noqa: S608


@pytest.mark.parametrize(
    "error", [Unavailable(Dependency.SPEECH_MODEL, "gone"), RuntimeError("gone: the model answers nonsense")]
)
async def test_a_worker_is_ready_while_its_model_answers_and_the_pool_stays_known(database_pool, monkeypatch, error):
    monkeypatch.setattr("voicepipe_orchestrator.transcribe.model_watch.HEARTBEAT_INTERVAL_S", 0.05)
    model, stop = Model(error), asyncio.Event()
    watch = ModelWatch(database_pool, model, "fast")
    with pytest.raises(ConnectionError, match="not answered"):
        await watch.check()
    watching = asyncio.create_task(watch.run(stop))
    await eventually_async(lambda: watch.is_ready)
    await watch.check()
    model.answers = False
    await eventually_async(lambda: not watch.is_ready)
    with pytest.raises(ConnectionError, match="gone"):
        await watch.check()
    stop.set()
    await watching
    known = await pools.load_all(database_pool)
    assert (known["fast"].languages, known["fast"].is_ready, known["fast"].is_multilingual) == (("en",), True, False)
    await age(database_pool, "seen_at", 31)
    assert not (await pools.load_all(database_pool))["fast"].is_ready


async def test_a_declared_pool_stays_known_without_a_worker(database_pool):
    await pools.save(database_pool, "fast", {})
    await age(database_pool, "seen_at", 86_400)
    await pools.retire(database_pool, ["fast"], 0)
    assert list(await pools.load_all(database_pool)) == ["fast"]


async def test_a_pool_that_is_neither_declared_nor_served_is_hidden_and_later_forgotten(database_pool):
    await pools.save(database_pool, "fast", {})
    await pools.retire(database_pool, [], 600)
    assert list(await pools.load_all(database_pool)) == ["fast"]
    await age(database_pool, "seen_at", 61)
    await pools.retire(database_pool, [], 600)
    assert await pools.load_all(database_pool) == {}
    assert await database_pool.fetchval("SELECT count(*) FROM models") == 1
    await age(database_pool, "retired_at", 601)
    await pools.retire(database_pool, [], 600)
    assert await database_pool.fetchval("SELECT count(*) FROM models") == 0


@pytest.mark.parametrize("again", ["served", "declared"])
async def test_a_hidden_pool_comes_back(database_pool, again):
    await pools.save(database_pool, "fast", {})
    await age(database_pool, "seen_at", 61)
    await pools.retire(database_pool, [], 600)
    if again == "served":
        await pools.save(database_pool, "fast", {})
    else:
        await pools.retire(database_pool, ["fast"], 600)
    assert list(await pools.load_all(database_pool)) == ["fast"]
