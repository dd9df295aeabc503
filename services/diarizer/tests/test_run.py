"""One run of the pipeline: its turns on real speech, and its progress."""

import asyncio

import numpy as np
import pytest
import torch
from pyannote.core import Annotation, Segment, Timeline
from pyannote.metrics.diarization import DiarizationErrorRate
from voicepipe_diarizer.messages import Limits
from voicepipe_diarizer.run import run

from .conftest import RATE, diarize

SECONDS = 30


@pytest.fixture(scope="module")
def diarized_call(model, call):
    return asyncio.run(diarize(model.pipeline, call.whole))


def speakers(diarization):
    return {turn.speaker for turn in diarization.turns}


def assert_well_formed(diarization, seconds):
    for turns in (diarization.turns, diarization.exclusive):
        assert all(0 <= turn.start_s < turn.end_s <= seconds + 0.1 for turn in turns)
        assert list(turns) == sorted(turns, key=lambda turn: turn.start_s)
    assert all(
        before.end_s <= after.start_s + 1e-6
        for before, after in zip(diarization.exclusive, diarization.exclusive[1:], strict=False)
    )
    assert speakers(diarization) >= {turn.speaker for turn in diarization.exclusive}


@pytest.mark.parametrize(("collar_s", "most"), [(0.0, 0.09), (0.25, 0.04)])
def test_two_people_on_the_telephone_are_told_apart(diarized_call, call, collar_s, most, record_property):
    """Overlaps are scored. The limits are one and a half to nearly three times the measured error rates."""
    found = Annotation()
    for number, turn in enumerate(diarized_call.turns):
        found[Segment(turn.start_s, turn.end_s), number] = turn.speaker
    error = DiarizationErrorRate(collar=2 * collar_s)  # pyannote.metrics expects the sum of both sides
    rate = error(call.reference, found, uem=Timeline([Segment(0, SECONDS)]))
    record_property("measured", f"DER {rate:.1%} with a collar of {collar_s} s")
    assert len(speakers(diarized_call)) == 2
    assert rate <= most


def test_turns_are_well_formed(diarized_call):
    assert_well_formed(diarized_call, SECONDS)


async def test_the_same_recording_gives_the_same_turns(model, call, diarized_call):
    assert await diarize(model.pipeline, call.whole) == diarized_call


async def test_one_person_alone_is_one_speaker(model, call):
    """The non-overlapping speech of the person who speaks more, concatenated: 13 s."""
    who = max(call.reference.labels(), key=call.reference.label_duration)
    others = call.reference.subset([who], invert=True).get_timeline()
    alone = call.reference.label_timeline(who).extrude(others)
    samples = np.concatenate([call.between(part.start, part.end)[0].numpy() for part in alone])
    diarization = await diarize(model.pipeline, torch.from_numpy(samples)[None])
    assert len(samples) > 8 * RATE
    assert len(speakers(diarization)) == 1


@pytest.mark.parametrize(
    ("limits", "allowed"),
    [(Limits(max_speakers=1), {1}), (Limits(3, 3), {3}), (Limits(2, 3), {2, 3}), (Limits(min_speakers=3), {3, 4})],
)
async def test_the_number_of_speakers_is_within_the_limits(model, call, limits, allowed):
    diarization = await diarize(model.pipeline, call.between(5, 20), limits)
    assert len(speakers(diarization)) in allowed
    assert_well_formed(diarization, 15)


@pytest.mark.parametrize("seconds", [0.05, 0.4, 3.0])
async def test_a_recording_shorter_than_a_window_has_well_formed_turns(model, call, seconds):
    diarization = await diarize(model.pipeline, call.between(9, 9 + seconds))
    assert_well_formed(diarization, seconds)
    assert len(speakers(diarization)) <= 2


@pytest.mark.parametrize("level", [0.0, 0.0005, 0.05], ids=["silence", "hiss", "loud noise"])
async def test_audio_without_speech_has_no_turns(model, level):
    noise = np.random.default_rng(5).normal(0, 1, 12 * RATE).astype(np.float32) * level
    diarization = await diarize(model.pipeline, torch.from_numpy(noise)[None])
    assert not diarization.turns


def test_progress_only_grows_and_ends_at_one(model, call):
    seen = []
    run(model.pipeline, call.between(0, 15), Limits(), seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1
    assert any(0 < done < 1 for done in seen)
