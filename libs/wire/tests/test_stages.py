"""What must hold for every job, whatever happens to it."""

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

# A job is cancelled and reopened as a whole.
OF_A_STAGE = [event for event in Event if event not in {Event.REOPEN, Event.CANCEL}]

happenings = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(Stage), st.sampled_from(OF_A_STAGE)),
        st.just("cancel"),
        st.just("reopen"),
        st.just("queue"),
    ),
    max_size=60,
)


def played(history) -> list[Job]:
    """Every job that the history leads through; what is illegal or early does not happen."""
    jobs = [Job.new()]
    for happening in history:
        job = jobs[-1]
        try:
            jobs.append(after(job, happening))
        except IllegalTransition:
            continue
    return jobs


def after(job: Job, happening) -> Job:
    match happening:
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


@given(happenings)
def test_no_stage_runs_before_what_it_needs(history):
    for job in played(history):
        for stage, state in job.stages.items():
            if state in {State.QUEUED, State.RUNNING, State.DONE}:
                assert all(job.stages[other] in MET for other in NEEDS[stage])


@given(happenings)
def test_only_a_reopened_job_leaves_an_ended_stage(history):
    jobs = played([happening for happening in history if happening != "reopen"])
    for before, later in pairwise(jobs):
        for stage in Stage:
            if set(NEXT[before.stages[stage]]) <= {Event.REOPEN}:
                assert later.stages[stage] is before.stages[stage]


@given(happenings)
def test_a_job_that_has_not_ended_has_something_to_do(history):
    job = played(history)[-1]
    if outcome(job) is None:
        assert due(job) or {State.QUEUED, State.RUNNING} & set(job.stages.values())


@given(happenings)
def test_an_ended_job_queues_nothing(history):
    job = played(history)[-1]
    if outcome(job) is not None:
        assert due(job) == ()
        assert job_state(job) in FINAL


@given(happenings)
def test_a_failed_job_has_no_stage_that_still_works(history):
    job = played(history)[-1]
    if outcome(job) is State.FAILED:
        assert not {State.QUEUED, State.RUNNING, State.WAITING} & set(job.stages.values())


@given(happenings, st.sets(st.sampled_from(Stage)))
def test_a_reopened_job_goes_on_and_can_complete(history, redo):
    job = played(history)[-1]
    if outcome(job) is None:
        return
    redo = frozenset(stage for stage in redo if job.stages[stage] is State.DONE)
    job = reopen(job, redo=redo)
    for _ in Stage:
        job, stages = queue_due(job)
        for stage in stages:
            job = advance(advance(job, stage, Event.START), stage, Event.FINISH)
    assert job_state(job) is JobState.COMPLETED


@given(happenings)
def test_what_a_client_sees_follows_the_line(history):
    """Without a reopening, the state of a job never goes back, save that a retried stage is queued again."""
    order = list(JobState)
    states = [job_state(job) for job in played([h for h in history if h != "reopen" and h[1:] != (Event.RETRY,)])]
    for before, later in pairwise(states):
        assert order.index(later) >= order.index(before)


def test_a_job_without_speakers_still_completes():
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


def test_a_gap_is_filled_without_preparing_again():
    done = Job(dict.fromkeys(Stage, State.DONE))
    again = reopen(done, redo=frozenset({Stage.TRANSCRIBE}))
    assert again.stages[Stage.PREPARE] is State.DONE
    assert due(again) == (Stage.TRANSCRIBE,)
    assert again.stages[Stage.ASSEMBLE] is State.WAITING
