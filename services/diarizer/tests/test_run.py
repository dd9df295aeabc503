"""One run: what comes out, how far it is, and that it stops when it is told to."""

import asyncio
from pathlib import Path

import numpy as np
import pyannote.audio
import pytest
import soundfile
import torch
from fixtures.conversation import converse
from fixtures.meeting import noise, sentence
from voicepipe_diarizer.run import Limits, Run, Stopped

from .conftest import samples_of

SECONDS = 30


@pytest.fixture(scope="module")
def meeting():
    return samples_of(converse(SECONDS, ["annie", "travis", "david"], seed=3))


def speakers(said):
    return {turn.speaker for turn in said.turns}


def assert_well_formed(said, seconds):
    for turns in (said.turns, said.exclusive):
        assert all(0 <= turn.start_s < turn.end_s <= seconds + 0.1 for turn in turns)
        assert list(turns) == sorted(turns, key=lambda turn: turn.start_s)
    assert all(
        before.end_s <= after.start_s + 1e-6 for before, after in zip(said.exclusive, said.exclusive[1:], strict=False)
    )
    assert speakers(said) >= {turn.speaker for turn in said.exclusive}


async def test_real_speech_of_two_people_goes_through(model):
    """The sample that the wheel of pyannote.audio carries. The fixture model was not made for it: only that it works is seen."""
    path = Path(pyannote.audio.__file__).parent / "sample/sample.wav"
    samples, rate = soundfile.read(path, dtype="float32")
    assert rate == 16_000
    said = await Run(model.pipeline, torch.from_numpy(samples)[None], Limits()).result
    assert said.turns
    assert_well_formed(said, len(samples) / rate)


@pytest.mark.parametrize(
    ("limits", "allowed"),
    [(Limits(2, 2), {2}), (Limits(max_speakers=1), {1}), (Limits(4, 4), {4}), (Limits(2, 3), {2, 3})],
)
async def test_limits_are_kept(model, meeting, limits, allowed):
    said = await Run(model.pipeline, meeting, limits).result
    assert len(speakers(said)) in allowed
    assert_well_formed(said, SECONDS)


async def test_the_same_recording_gives_the_same_turns(model, meeting):
    first = await Run(model.pipeline, meeting, Limits()).result
    assert await Run(model.pipeline, meeting, Limits()).result == first


@pytest.mark.parametrize("recording", [sentence(["yellow"], "annie"), noise(3, seed=1)], ids=["one word", "only noise"])
async def test_short_recordings_are_no_fault(model, recording):
    said = await Run(model.pipeline, samples_of(recording), Limits()).result
    assert_well_formed(said, recording.duration_s)


async def test_progress_only_grows_and_ends_at_one(model, meeting):
    run = Run(model.pipeline, meeting, Limits())
    seen = []
    while not run.result.done():
        seen.append(run.done)
        await asyncio.sleep(0.05)
    assert seen == sorted(seen)
    assert run.done == pytest.approx(1)
    assert any(0 < done < 1 for done in seen)


async def test_a_stopped_run_ends_before_it_is_done(model, meeting):
    run = Run(model.pipeline, meeting, Limits())
    while run.done == 0:
        await asyncio.sleep(0.01)
    await run.stop()
    assert isinstance(run.result.exception(), Stopped)
    assert run.done < 1


async def test_stopping_a_run_that_has_ended_changes_nothing(model):
    run = Run(model.pipeline, torch.from_numpy(np.zeros((1, 16_000), np.float32)), Limits())
    said = await run.result
    await run.stop()
    assert run.result.result() == said
