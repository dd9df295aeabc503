"""One run: what comes out of real speech, how far it is, and that it stops when it is told to."""

import asyncio

import numpy as np
import pytest
import torch
from pyannote.core import Annotation, Segment, Timeline
from pyannote.metrics.diarization import DiarizationErrorRate
from voicepipe_diarizer.run import Limits, Run, Stopped

from .conftest import RATE

SECONDS = 30


@pytest.fixture(scope="module")
def told_apart(model, call):
    async def run():
        return await Run(model.pipeline, call.whole, Limits()).result

    return asyncio.run(run())


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


@pytest.mark.parametrize(("collar_s", "most"), [(0.0, 0.09), (0.25, 0.04)])
def test_two_people_on_the_telephone_are_told_apart(told_apart, call, collar_s, most, record_property):
    """Overlaps are scored. The floors are twice to one and a half times what was measured."""
    found = Annotation()
    for number, turn in enumerate(told_apart.turns):
        found[Segment(turn.start_s, turn.end_s), number] = turn.speaker
    error = DiarizationErrorRate(collar=2 * collar_s)  # pyannote.metrics takes that of both sides together
    rate = error(call.reference, found, uem=Timeline([Segment(0, SECONDS)]))
    record_property("measured", f"DER {rate:.1%} with a collar of {collar_s} s")
    assert len(speakers(told_apart)) == 2
    assert rate <= most


def test_turns_are_well_formed(told_apart):
    assert_well_formed(told_apart, SECONDS)


async def test_the_same_recording_gives_the_same_turns(model, call, told_apart):
    assert await Run(model.pipeline, call.whole, Limits()).result == told_apart


async def test_one_person_alone_is_one_speaker(model, call):
    """What the one who says more says alone, end to end: 13 s."""
    who = max(call.reference.labels(), key=call.reference.label_duration)
    others = call.reference.subset([who], invert=True).get_timeline()
    alone = call.reference.label_timeline(who).extrude(others)
    samples = np.concatenate([call.between(part.start, part.end)[0].numpy() for part in alone])
    said = await Run(model.pipeline, torch.from_numpy(samples)[None], Limits()).result
    assert len(samples) > 8 * RATE
    assert len(speakers(said)) == 1


@pytest.mark.parametrize(
    ("limits", "allowed"),
    [(Limits(max_speakers=1), {1}), (Limits(3, 3), {3}), (Limits(2, 3), {2, 3}), (Limits(min_speakers=3), {3, 4})],
)
async def test_limits_are_kept(model, call, limits, allowed):
    said = await Run(model.pipeline, call.between(5, 20), limits).result
    assert len(speakers(said)) in allowed
    assert_well_formed(said, 15)


@pytest.mark.parametrize("seconds", [0.05, 0.4, 3.0])
async def test_a_recording_shorter_than_a_window_is_no_fault(model, call, seconds):
    said = await Run(model.pipeline, call.between(9, 9 + seconds), Limits()).result
    assert_well_formed(said, seconds)
    assert len(speakers(said)) <= 2


@pytest.mark.parametrize("level", [0.0, 0.0005, 0.05], ids=["silence", "hiss", "loud noise"])
async def test_nobody_is_heard_where_nobody_speaks(model, level):
    noise = np.random.default_rng(5).normal(0, 1, 12 * RATE).astype(np.float32) * level
    said = await Run(model.pipeline, torch.from_numpy(noise)[None], Limits()).result
    assert not said.turns


async def test_progress_only_grows_and_ends_at_one(model, call):
    run = Run(model.pipeline, call.between(0, 15), Limits())
    seen = []
    while not run.result.done():
        seen.append(run.done)
        await asyncio.sleep(0.05)
    assert seen == sorted(seen)
    assert run.done == pytest.approx(1)
    assert any(0 < done < 1 for done in seen)


async def test_a_stopped_run_ends_before_it_is_done(model, call):
    run = Run(model.pipeline, call.whole, Limits())
    while run.done == 0:
        await asyncio.sleep(0.01)
    await run.stop()
    assert isinstance(run.result.exception(), Stopped)
    assert run.done < 1


async def test_stopping_a_run_that_has_ended_changes_nothing(model):
    run = Run(model.pipeline, torch.zeros(1, RATE), Limits())
    said = await run.result
    await run.stop()
    assert run.result.result() == said
