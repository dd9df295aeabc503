"""Invariants of every job, whatever events it gets."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicepipe_wire.jobs.stages import (
    FINAL,
    MET,
    NEEDS,
    NEXT,
    Event,
    IllegalTransition,
    Job,
    JobState,
    Stage,
    State,
    advance,
    cancel,
    due,
    fail,
    job_state,
    outcome,
    queue_due,
    reopen,
)

# Cancelling and reopening apply to a whole job.
STAGE_EVENTS = [event for event in Event if event not in {Event.REOPEN, Event.CANCEL}]

histories = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(Stage), st.sampled_from(STAGE_EVENTS)),
        st.just("cancel"),
        st.just("reopen"),
        st.just("queue"),
    ),
    max_size=60,
)


def replay(history) -> list[Job]:
    """Every job along a history. Illegal events and events that are not due are ignored."""
    jobs = [Job.new()]
    for step in history:
        job = jobs[-1]
        try:
            jobs.append(after(job, step))
        except IllegalTransition:
            continue
    return jobs


def after(job: Job, step) -> Job:
    match step:
        case "cancel":
            return cancel(job)
        case "reopen":
            return reopen(job) if outcome(job) else job
        case "queue":
            return queue_due(job)[0]
        case (stage, Event.QUEUE):
            return advance(job, stage, Event.QUEUE) if stage in due(job) else job
        case (stage, Event.FAIL):
            return fail(job, stage)
        case (stage, event):
            return advance(job, stage, event)


@given(histories)
def test_no_stage_runs_before_its_dependencies_are_met(history):
    for job in replay(history):
        for stage, state in job.stages.items():
            if state in {State.QUEUED, State.RUNNING, State.DONE}:
                assert all(job.stages[other] in MET for other in NEEDS[stage])


@given(histories)
def test_only_reopening_changes_an_ended_stage(history):
    jobs = replay([step for step in history if step != "reopen"])
    for before, later in pairwise(jobs):
        for stage in Stage:
            if set(NEXT[before.stages[stage]]) <= {Event.REOPEN}:
                assert later.stages[stage] is before.stages[stage]


@given(histories)
def test_an_unfinished_job_has_a_due_or_active_stage(history):
    job = replay(history)[-1]
    if outcome(job) is None:
        assert due(job) or {State.QUEUED, State.RUNNING} & set(job.stages.values())


@given(histories)
def test_an_ended_job_queues_nothing(history):
    job = replay(history)[-1]
    if outcome(job) is not None:
        assert due(job) == ()
        assert job_state(job) in FINAL


@given(histories)
def test_a_failed_job_has_no_waiting_or_active_stage(history):
    job = replay(history)[-1]
    if outcome(job) is State.FAILED:
        assert not {State.QUEUED, State.RUNNING, State.WAITING} & set(job.stages.values())


@given(histories, st.sets(st.sampled_from(Stage)))
def test_a_reopened_job_can_complete(history, redo):
    job = replay(history)[-1]
    if outcome(job) is None:
        return
    redo = frozenset(stage for stage in redo if job.stages[stage] is State.DONE)
    job = reopen(job, redo=redo)
    for _ in Stage:
        job, stages = queue_due(job)
        for stage in stages:
            job = advance(advance(job, stage, Event.START), stage, Event.FINISH)
    assert job_state(job) is JobState.COMPLETED


@given(histories)
def test_the_job_state_never_goes_back_unless_reopened_or_retried(history):
    order = list(JobState)
    states = [job_state(job) for job in replay([h for h in history if h != "reopen" and h[1:] != (Event.RETRY,)])]
    for before, later in pairwise(states):
        assert order.index(later) >= order.index(before)


def test_a_job_without_diarization_completes():
    job = advance(Job.new(), Stage.DIARIZE, Event.SKIP)
    for stage in (Stage.PREPARE, Stage.TRANSCRIBE, Stage.ASSEMBLE):
        assert due(job) == (stage,)
        for event in (Event.QUEUE, Event.START, Event.FINISH):
            job = advance(job, stage, event)
    assert outcome(job) is State.DONE


def test_a_stage_that_is_done_cannot_fail():
    done = Job({**Job.new().stages, Stage.PREPARE: State.DONE})
    with pytest.raises(IllegalTransition, match="fail cannot happen to prepare, which is done"):
        advance(done, Stage.PREPARE, Event.FAIL)


def test_transcribe_is_reopened_without_preparing_again():
    done = Job(dict.fromkeys(Stage, State.DONE))
    again = reopen(done, redo=frozenset({Stage.TRANSCRIBE}))
    assert again.stages[Stage.PREPARE] is State.DONE
    assert due(again) == (Stage.TRANSCRIBE,)
    assert again.stages[Stage.ASSEMBLE] is State.WAITING
