"""The decoder that is started before its recording is there."""

import asyncio
import contextlib
import wave

import pytest
from support.eventually import eventually_async
from voicepipe_orchestrator.prepare.decode import Wish, decode
from voicepipe_orchestrator.prepare.decoder_process import DecodeLimits, Spare

SAMPLES = 16_000
STARTING_S = 30


@pytest.fixture
def silence(tmp_path):
    with wave.open(str(tmp_path / "silence.wav"), "wb") as file:
        file.setparams((1, 2, SAMPLES, 0, "NONE", ""))
        file.writeframes(bytes(2 * SAMPLES))
    return tmp_path / "silence.wav"


@contextlib.asynccontextmanager
async def waiting():
    """A spare decoder that has been started."""
    spare, stop = Spare(DecodeLimits()), asyncio.Event()
    keeping = asyncio.create_task(spare.run(stop))
    await started(spare)
    yield spare
    stop.set()
    await keeping
    assert spare._child is None


async def started(spare):
    await eventually_async(lambda: spare._child is not None, STARTING_S)
    return spare._child.process


async def read(decoding):
    async for _ in decoding:
        pass
    assert decoding.result.found.samples == SAMPLES
    return decoding._process.pid


async def test_a_spare_decoder_is_used_once(silence):
    async with waiting() as spare:
        pids = []
        for _ in range(2):
            pids.append((await started(spare)).pid)
            async with decode(silence, Wish(), DecodeLimits(), spare) as decoding:
                assert await read(decoding) == pids[-1]
        assert len(set(pids)) == 2


async def test_the_next_one_starts_after_the_recording_has_been_decoded(silence):
    async with waiting() as spare:
        async with decode(silence, Wish(), DecodeLimits(), spare) as decoding:
            await read(decoding)
            await asyncio.sleep(0.1)
            assert spare._child is None
        await started(spare)


async def test_recordings_at_the_same_time_have_a_decoder_each(silence):
    async with (
        waiting() as spare,
        decode(silence, Wish(), DecodeLimits(), spare) as first,
        decode(silence, Wish(), DecodeLimits(), spare) as second,
    ):
        assert await read(first) != await read(second)


async def test_a_spare_decoder_that_has_died_is_not_used(silence):
    async with waiting() as spare:
        dead = await started(spare)
        dead.kill()
        await dead.wait()
        async with decode(silence, Wish(), DecodeLimits(), spare) as decoding:
            assert await read(decoding) != dead.pid


async def test_after_a_recording_that_is_not_read_to_its_end_there_is_a_spare_decoder_again(silence):
    async with waiting() as spare:
        with pytest.raises(LookupError):
            async with decode(silence, Wish(), DecodeLimits(), spare):
                raise LookupError
        await started(spare)
