"""The sums of audio that waits, and their rates. No server."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicepipe_orchestrator.controller.audio_backlog import (
    ActiveStage,
    QueueKey,
    backlog,
    estimate_s,
    in_flight_s,
    measure,
)
from voicepipe_wire.jobs.stages import Stage

WINDOW = 16
WORDS = QueueKey("transcribe", "accurate", "standard")
SPEAKERS = QueueKey("diarize", "", "standard")
PREPARE = QueueKey("prepare", "", "standard")


def stage(job: int = 1, name: Stage = Stage.TRANSCRIBE, **fields: object) -> ActiveStage:
    made = ActiveStage(
        job_id=UUID(int=job),
        stage=name,
        running=True,
        priority="standard",
        pool="accurate",
        done_s=0.0,
        total_s=0.0,
        duration_s=None if name is Stage.PREPARE else 3600.0,
        speech_s=None if name is Stage.PREPARE else 3000.0,
        estimated_s=3500.0,
        diarize=False,
        waits_s=5.0,
    )
    return replace(made, **fields)


stages = st.lists(
    st.builds(
        stage,
        st.integers(1, 5),
        st.sampled_from(list(Stage)),
        running=st.booleans(),
        priority=st.sampled_from(["premium", "standard"]),
        done_s=st.floats(0, 5000),
        diarize=st.booleans(),
    ),
    unique_by=lambda one: (one.job_id, one.stage),
)


def test_a_long_recording_counts_with_all_that_is_left_of_it():
    assert backlog([stage(done_s=500.0)], WINDOW)[WORDS].left_s == 2500


def test_a_job_in_prepare_is_on_its_way_to_its_pool_and_to_the_diarizer():
    sums = backlog([stage(name=Stage.PREPARE, diarize=True)], WINDOW)
    assert (sums[PREPARE].left_s, sums[PREPARE].jobs) == (3500, 1)
    for key, commands in ((WORDS, WINDOW), (SPEAKERS, 1)):
        assert (sums[key].arriving_s, sums[key].upstream_jobs, sums[key].expected_commands) == (3500, 1, commands)
        assert (sums[key].left_s, sums[key].jobs) == (0, 0)


def test_a_stage_that_has_not_started_will_add_its_first_window_of_chunks():
    waiting = backlog([stage(running=False), stage(2, running=False, speech_s=30.0), stage(3)], WINDOW)[WORDS]
    assert waiting.expected_commands == WINDOW + 2
    assert waiting.oldest_s == 5


@given(stages)
def test_what_waits_is_never_negative_and_every_active_stage_is_one_job(active):
    sums = backlog(active, WINDOW)
    assert all(one.left_s >= 0 and one.arriving_s >= 0 for one in sums.values())
    assert sum(one.jobs for one in sums.values()) == len(active)


def test_the_first_pass_has_no_rates():
    rates, _ = measure(None, 100.0, [stage(done_s=500.0)], [])
    assert (rates.interval_s, dict(rates.done), dict(rates.arrived)) == (0, {}, {})


def test_progress_of_a_running_stage_is_a_rate():
    _, seen = measure(None, 100.0, [stage(done_s=500.0)], [])
    rates, _ = measure(seen, 102.0, [stage(done_s=560.0)], [])
    assert rates.done[WORDS] == 30
    assert not rates.arrived.get(WORDS)


def test_a_stage_that_came_and_ended_between_two_passes_counts_once():
    clip = stage(speech_s=20.0, ended_at_s=101.0)
    _, seen = measure(None, 100.0, [], [])
    rates, seen = measure(seen, 102.0, [], [clip])
    assert (rates.arrived[WORDS], rates.done[WORDS]) == (10, 10)
    rates, _ = measure(seen, 104.0, [], [clip])
    assert not rates.done.get(WORDS)


def test_the_end_of_a_stage_counts_what_was_left_of_it():
    _, seen = measure(None, 100.0, [stage(done_s=2900.0)], [])
    rates, _ = measure(seen, 105.0, [], [stage(ended_at_s=104.0)])
    assert rates.done[WORDS] == 20


def test_a_cancelled_job_is_not_done():
    _, seen = measure(None, 100.0, [stage(done_s=100.0)], [])
    rates, _ = measure(seen, 102.0, [], [])
    assert not rates.done.get(WORDS)


@given(stages, stages, stages)
def test_rates_are_never_negative(before, after, ended):
    _, seen = measure(None, 100.0, before, [])
    rates, _ = measure(seen, 103.0, after, ended)
    assert all(rate >= 0 for rate in (*rates.done.values(), *rates.arrived.values()))


@given(st.floats(0, 1e6), st.integers(0, 1000), st.integers(0, 1000))
def test_no_more_is_in_flight_than_there_is(left_s, pending, in_flight):
    for key in (WORDS, SPEAKERS):
        assert 0 <= in_flight_s(key, left_s, pending, in_flight) <= left_s * (1 + 1e-9)


def test_the_length_of_a_recording_is_estimated_from_others_of_its_type():
    paces = {"audio/wav": (100.0, 3_200_000.0), "audio/mpeg": (900.0, 14_400_000.0)}
    assert estimate_s(320_000, "audio/wav", paces, 43_200.0) == pytest.approx(10)
    assert estimate_s(176_000, "video/mp4", paces, 43_200.0) == pytest.approx(10)
    assert estimate_s(160_000, "audio/wav", {}, 43_200.0) == pytest.approx(10)
    assert estimate_s(10**12, "audio/wav", paces, 43_200.0) == 43_200
