"""Work whose dependency is away waits, says so, and frees its slot; it completes once the dependency is back."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import psutil
import pytest
from fixtures.meeting import compose
from support.eventually import eventually_async
from voicepipe_wire.messaging.subjects import DLQ
from voicepipe_wire.storage import objects
from worker_pipeline import Pipeline, wav, words_of

# A command is put back soon, and returns soon.
SOON = {"outage_wait_s": 0.5, "put_back_delay_s": 1.0}


async def waits_for(pipeline: Pipeline, job_id: UUID, dependency: str) -> None:
    async def waits() -> bool:
        row = await pipeline.pool.fetchrow(
            "SELECT waiting_for, waiting_since FROM stages WHERE job_id = $1 AND waiting_for IS NOT NULL", job_id
        )
        return row is not None and (row["waiting_for"], row["waiting_since"] is not None) == (dependency, True)

    await eventually_async(waits, 30)


async def put_back(pipeline: Pipeline, job_id: UUID) -> None:
    """Wait until a command of the job has gone back to the queue."""
    query = "SELECT EXISTS (SELECT FROM outbox WHERE job_id = $1 AND published_at IS NULL AND due_at > now())"
    await eventually_async(lambda: pipeline.pool.fetchval(query, job_id), 30)


async def completed_without_loss(pipeline: Pipeline, job_id: UUID) -> None:
    job = await pipeline.end_of(job_id)
    assert (job.state, list(job.warnings)) == ("completed", [])
    assert words_of(await pipeline.transcript(job_id))
    assert await pipeline.jetstream.message_count(DLQ) == 0
    assert not await pipeline.pool.fetchval("SELECT count(*) FROM stages WHERE waiting_for IS NOT NULL")


@pytest.fixture(scope="module")
def clip():
    return compose(5, ["linda"], seed=9)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for a clip."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k,mode=0777", "scratch", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a file system cannot be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def enlarge(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)


async def test_a_recording_that_finds_the_disk_full_waits_while_others_are_prepared(
    pipeline: Pipeline, meeting, clip, small_disk: Path
) -> None:
    """One slot, a real file system that is full, and a clip that fits."""
    pipeline.start("prepare", scratch_dir=small_disk, prepare_concurrency=1, **SOON)
    pipeline.start("transcribe", "assemble", "controller")
    large = await pipeline.submit(wav(meeting))
    await put_back(pipeline, large)
    await waits_for(pipeline, large, "disk space")
    small = await pipeline.submit(wav(clip))
    assert (await pipeline.end_of(small)).state == "completed"
    assert (await pipeline.job(large)).state == "preparing"
    enlarge(small_disk)
    await completed_without_loss(pipeline, large)


class StoreGate:
    """Passes connections on to the object store, or answers each request with a status."""

    def __init__(self, address: str) -> None:
        self._host, self._port = address.removeprefix("http://").split(":")
        self.status: int | None = None

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.status is None:
                await self._pass_on(reader, writer)
            else:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(f"HTTP/1.1 {self.status} no\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection(self._host, int(self._port))
        try:
            # The first direction that ends, ends both: no connection outlives a change of `status` for long.
            sides = [asyncio.create_task(_copy(reader, forth)), asyncio.create_task(_copy(back, writer))]
            await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
            for side in sides:
                side.cancel()
        finally:
            forth.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(1 << 16):
        target.write(data)
        await target.drain()


@asynccontextmanager
async def store_behind(gate: StoreGate, pipeline: Pipeline):
    server = await asyncio.start_server(gate, "127.0.0.1", 0)
    endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, objects.connect(pipeline.settings.model_copy(update={"s3_endpoint": endpoint})) as store:
        yield store


@pytest.mark.parametrize("status", [403, 503])
async def test_recordings_wait_for_a_store_that_refuses_and_hold_no_slot(
    pipeline: Pipeline, meeting, clip, status: int
) -> None:
    gate = StoreGate(pipeline.settings.s3_endpoint)
    job_ids = [await pipeline.submit(wav(recording)) for recording in (meeting, clip, clip)]
    async with store_behind(gate, pipeline) as store:
        own, pipeline.store = pipeline.store, store
        gate.status = status
        pipeline.start("prepare", prepare_concurrency=1, **SOON)
        pipeline.store = own
        pipeline.start("transcribe", "assemble", "controller")
        for job_id in job_ids:  # with one slot, so each gives it to the next
            await waits_for(pipeline, job_id, "object store")
        gate.status = None
        for job_id in job_ids:
            await completed_without_loss(pipeline, job_id)
        await pipeline.stop("prepare")


async def test_a_database_that_fails_over_to_a_read_only_server_spends_no_delivery(pipeline: Pipeline, meeting) -> None:
    """Every connection is cut in the middle of the work, and the next ones find a server that only reads, for a while."""
    name = await pipeline.pool.fetchval("SELECT current_database()")
    pipeline.start("prepare", "transcribe", "assemble", "controller", window_chunks=2)
    job_ids = [await pipeline.submit(wav(meeting)) for _ in range(3)]
    await pipeline.until(job_ids[0], lambda job: job.state == "transcribing")

    async def fail_over(setting: str) -> None:
        async def done() -> bool:
            # A session may set this although it is read-only itself.
            async with pipeline.pool.acquire() as connection:
                await connection.execute("SET default_transaction_read_only = off")
                await connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {setting}')
                await connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                await connection.close()
            return True

        await eventually_async(lambda: _tolerant(done), 30)

    await fail_over("on")
    await asyncio.sleep(4)  # longer than `ack_wait_s`, and than a bug needs to use up its deliveries at a second each
    await fail_over("off")
    await pipeline.pool.expire_connections()  # this test's own, which were cut too
    await eventually_async(lambda: _tolerant(lambda: pipeline.pool.fetchval("SELECT true")), 30)
    for job_id in job_ids:
        await completed_without_loss(pipeline, job_id)


async def _tolerant(action) -> bool:
    try:
        return bool(await action())
    except Exception:  # noqa: BLE001 - the server that is asked may have been cut off a moment ago
        return False


async def test_chunks_wait_for_a_model_whose_process_died_inside_triton(
    pipeline: Pipeline, meeting, private_triton
) -> None:
    """Triton goes on and answers INTERNAL; nobody restarts it for a while. Formerly each chunk became a gap within 15 s."""
    address, server = private_triton()
    pipeline.start("prepare", "assemble", "controller")
    pipeline.start("transcribe", triton_url=address, **SOON)
    first = await pipeline.submit(wav(meeting))
    await completed_without_loss(pipeline, first)
    killed = [process for process in psutil.Process(server.pid).children(recursive=True) if "stub" in process.name()]
    assert killed
    for process in killed:
        process.kill()
    second = await pipeline.submit(wav(meeting), keyterms=["again"])
    await pipeline.until(second, lambda job: job.state == "transcribing")
    await asyncio.sleep(15)
    assert (await pipeline.job(second)).state == "transcribing"
    server.kill()
    server.start()
    await completed_without_loss(pipeline, second)
