"""The pipeline process: the same turns as in the process of the test, and it can be ended at any moment."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import numpy as np
import pytest
from support.eventually import eventually, eventually_async
from voicepipe_diarizer.engine import DiarizationFailed, DiarizationHung, Engine, ModelUnusable
from voicepipe_diarizer.messages import Limits
from voicepipe_wire.watchdog import HUNG

from .conftest import RATE, diarize

STALL_TIMEOUT_S = 3.0
# Python imports this module at its start. It makes the clustering last for ever, without a call of any hook.
ENDLESS_CLUSTERING = """
import time
import scipy.cluster.hierarchy
scipy.cluster.hierarchy.linkage = lambda *_, **__: time.sleep(1_000_000)
"""
WORKER = """
import asyncio
from voicepipe_diarizer.engine import Engine

async def main():
    await Engine(300.0).load()
    print("loaded", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def environment(default_model, monkeypatch):
    for name, value in {
        "DATABASE_URL": "postgres://",
        "S3_ACCESS_KEY": "a",
        "S3_SECRET_KEY": "s",
        "THREADS": "1",
        "DIARIZATION_MODEL": str(default_model),
    }.items():
        monkeypatch.setenv(f"VOICEPIPE_{name}", value)
    return monkeypatch


@pytest.fixture
def endless_clustering(environment, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(ENDLESS_CLUSTERING)
    environment.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")


@asynccontextmanager
async def running(stall_timeout_s: float = 300.0):
    """A loaded engine that is kept loaded."""
    engine, stop = Engine(stall_timeout_s), asyncio.Event()
    await engine.load()
    keeping = asyncio.create_task(engine.keep_loaded(stop))
    try:
        yield engine
    finally:
        stop.set()
        await keeping
        await engine.aclose()


@contextmanager
def file_of(samples: np.ndarray):
    with tempfile.TemporaryFile() as file:
        file.write(samples.astype(np.float32).tobytes())
        file.flush()
        yield file


def child_of(pid: int) -> int | None:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else None


def pid_of(engine: Engine) -> int:
    return engine._process._process.pid


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def run_whole(engine: Engine, samples: np.ndarray, limits: Limits | None = None):
    with file_of(samples) as file:
        async with engine.run(file, len(samples) / RATE, limits or Limits()) as run:
            return await run.result


async def run_signalled(engine: Engine, samples: np.ndarray, sent: signal.Signals):
    """The result of a run whose process gets a signal as soon as it has the samples."""
    with file_of(samples) as file:
        async with engine.run(file, len(samples) / RATE, Limits()) as run:
            os.kill(pid_of(engine), sent)
            return await run.result


@pytest.mark.usefixtures("environment")
async def test_the_process_finds_the_same_turns_and_is_used_again(model, call):
    samples = call.samples[9 * RATE : 19 * RATE]
    async with running() as engine:
        pid = pid_of(engine)
        found = [await run_whole(engine, samples, Limits(2, 2)) for _ in range(2)]
        assert pid_of(engine) == pid
    expected = await diarize(model.pipeline, call.between(9, 19), Limits(2, 2))
    assert [one.to_json() for one in found] == [expected.to_json()] * 2


@pytest.mark.usefixtures("environment")
async def test_the_process_reports_its_progress(call):
    seen = []
    async with running() as engine:
        with file_of(call.samples) as file:
            async with engine.run(file, 30.0, Limits()) as run:
                while not run.result.done():
                    seen.append(run.done)
                    await asyncio.wait({run.result}, timeout=0.05)
    assert seen == sorted(seen)
    assert run.done == 1.0
    assert any(0 < done < 1 for done in seen)


@pytest.mark.usefixtures("endless_clustering")
async def test_a_run_is_ended_at_once_while_its_clustering_calls_no_hook(call):
    async with running() as engine:
        pid = pid_of(engine)
        with file_of(call.samples[: 12 * RATE]) as file:
            async with engine.run(file, 12.0, Limits()) as run:
                await eventually_async(lambda: run.done == 1.0, 60)
        assert not is_running(pid)


@pytest.mark.usefixtures("endless_clustering")
async def test_a_run_without_progress_hangs_and_a_new_process_is_started(call):
    hung = HUNG.labels("diarize")._value.get()
    async with running(STALL_TIMEOUT_S) as engine:
        pid = pid_of(engine)
        with pytest.raises(DiarizationHung, match="100%"):
            await run_whole(engine, call.samples[: 12 * RATE])
        assert not is_running(pid)
        assert HUNG.labels("diarize")._value.get() == hung + 1
        await eventually_async(lambda: engine.is_ready and pid_of(engine) != pid, 60)


@pytest.mark.usefixtures("environment")
async def test_a_process_that_does_not_run_at_all_hangs(call):
    async with running(STALL_TIMEOUT_S) as engine:
        with pytest.raises(DiarizationHung):
            await run_signalled(engine, call.samples, signal.SIGSTOP)


@pytest.mark.usefixtures("environment")
async def test_a_process_that_dies_fails_its_run_and_the_next_run_gets_another(call):
    async with running() as engine:
        pid = pid_of(engine)
        with pytest.raises(DiarizationFailed, match="SIGKILL"):
            await run_signalled(engine, call.samples, signal.SIGKILL)
        await eventually_async(lambda: engine.is_ready and pid_of(engine) != pid, 60)
        assert (await run_whole(engine, call.samples[9 * RATE : 14 * RATE])).turns


@pytest.mark.usefixtures("environment")
async def test_an_idle_process_that_dies_makes_the_worker_unready_until_there_is_another():
    async with running() as engine:
        pid = pid_of(engine)
        os.kill(pid, signal.SIGKILL)
        await eventually_async(lambda: not engine.is_ready, 10)
        with pytest.raises(ConnectionError):
            await engine.check()
        await eventually_async(lambda: engine.is_ready, 60)
        assert pid_of(engine) != pid


@pytest.mark.usefixtures("environment")
async def test_a_pipeline_that_fails_says_why_and_a_new_process_is_started():
    async with running() as engine:
        pid = pid_of(engine)
        with pytest.raises(DiarizationFailed, match="empty file"):
            await run_whole(engine, np.zeros(0))
        assert not is_running(pid)


async def test_an_unusable_model_is_reported_by_the_process(environment):
    environment.setenv("VOICEPIPE_DIARIZATION_MODEL", "/nowhere/at/all")
    with pytest.raises(ModelUnusable, match="there is no such folder"):
        await Engine(300.0).load()


@pytest.mark.usefixtures("environment")
def test_the_process_dies_with_its_worker():
    with subprocess.Popen([sys.executable, "-c", WORKER], stdout=subprocess.PIPE) as worker:
        assert worker.stdout.readline() == b"loaded\n"
        child = child_of(worker.pid)
        assert is_running(child)
        worker.kill()
    eventually(lambda: not is_running(child), 10)
