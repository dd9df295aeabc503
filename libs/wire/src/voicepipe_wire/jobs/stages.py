"""The state machine of a job: a graph of stages.

A job is done when its last stage is. `NEXT` holds every legal transition of a stage, `NEEDS` its dependencies. A new
stage is a member of `Stage` and a row in `NEEDS`. Pure: no clock, no I/O, no logging. A handler loads a `Job`, calls
`advance`, and saves the result in one transaction with the commands of the stages that became `due`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum


class Stage(StrEnum):
    PREPARE = "prepare"
    TRANSCRIBE = "transcribe"
    DIARIZE = "diarize"
    ASSEMBLE = "assemble"


class State(StrEnum):
    WAITING = "waiting"  # for the stages it needs
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"  # not requested, or failed where the job can complete without it
    FAILED = "failed"
    CANCELLED = "cancelled"


class Event(StrEnum):
    QUEUE = "queue"
    START = "start"
    FINISH = "finish"
    RETRY = "retry"
    SKIP = "skip"
    FAIL = "fail"
    CANCEL = "cancel"
    REOPEN = "reopen"  # requested again


class JobState(StrEnum):
    """The state that a client sees. Derived from the stages."""

    UPLOADED = "uploaded"
    QUEUED = "queued"
    PREPARING = "preparing"
    TRANSCRIBING = "transcribing"
    ASSEMBLING = "assembling"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


NEXT: Mapping[State, Mapping[Event, State]] = {
    State.WAITING: {Event.QUEUE: State.QUEUED, Event.SKIP: State.SKIPPED, Event.CANCEL: State.CANCELLED},
    State.QUEUED: {
        Event.START: State.RUNNING,
        Event.SKIP: State.SKIPPED,
        Event.FAIL: State.FAILED,
        Event.CANCEL: State.CANCELLED,
    },
    State.RUNNING: {
        Event.START: State.RUNNING,  # redelivered: the worker that started it died
        Event.FINISH: State.DONE,
        Event.RETRY: State.QUEUED,
        Event.SKIP: State.SKIPPED,
        Event.FAIL: State.FAILED,
        Event.CANCEL: State.CANCELLED,
    },
    State.DONE: {Event.REOPEN: State.WAITING},
    State.SKIPPED: {Event.REOPEN: State.WAITING},
    State.FAILED: {Event.REOPEN: State.WAITING},
    State.CANCELLED: {Event.REOPEN: State.WAITING},
}

NEEDS: Mapping[Stage, frozenset[Stage]] = {
    Stage.PREPARE: frozenset(),
    Stage.TRANSCRIBE: frozenset({Stage.PREPARE}),
    Stage.DIARIZE: frozenset({Stage.PREPARE}),
    Stage.ASSEMBLE: frozenset({Stage.TRANSCRIBE, Stage.DIARIZE}),
}

MET = frozenset({State.DONE, State.SKIPPED})
ACTIVE = frozenset({State.QUEUED, State.RUNNING})
FINAL = frozenset({JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED})


class IllegalTransition(Exception):
    """`NEXT` has no such transition."""


@dataclass(frozen=True, slots=True)
class Job:
    stages: Mapping[Stage, State]

    def __getitem__(self, stage: Stage) -> State:
        return self.stages[stage]

    @classmethod
    def new(cls) -> Job:
        return cls(dict.fromkeys(Stage, State.WAITING))


def advance(job: Job, stage: Stage, event: Event) -> Job:
    """The job after `event` happened to `stage`.

    Raises:
        IllegalTransition: `NEXT` has no such transition. A handler gets it when another one was faster.
    """
    state = job.stages[stage]
    try:
        after = NEXT[state][event]
    except KeyError:
        raise IllegalTransition(f"{event} cannot happen to {stage}, which is {state}") from None
    return replace(job, stages={**job.stages, stage: after})


def queue_due(job: Job) -> tuple[Job, tuple[Stage, ...]]:
    """The job with every due stage queued, and the stages that were due."""
    stages = due(job)
    for stage in stages:
        job = advance(job, stage, Event.QUEUE)
    return job, stages


def due(job: Job) -> tuple[Stage, ...]:
    """The waiting stages whose dependencies are met; none once a stage has failed or was cancelled."""
    if State.FAILED in job.stages.values() or State.CANCELLED in job.stages.values():
        return ()
    return tuple(
        stage
        for stage, needed in NEEDS.items()
        if job.stages[stage] is State.WAITING and all(job.stages[other] in MET for other in needed)
    )


def fail(job: Job, stage: Stage) -> Job:
    """The job after a stage failed for good: the stages that have not ended are cancelled."""
    return cancel(advance(job, stage, Event.FAIL))


def cancel(job: Job) -> Job:
    """The job with every stage that has not ended cancelled."""
    for stage, state in job.stages.items():
        if Event.CANCEL in NEXT[state]:
            job = advance(job, stage, Event.CANCEL)
    return job


def reopen(job: Job, *, redo: frozenset[Stage] = frozenset(), keep: frozenset[Stage] = frozenset()) -> Job:
    """The job with these stages waiting again: failed or cancelled ones, those in `redo`, and all that depend on them.

    A stage in `keep` stays done although another that it depends on is repeated.

    Raises:
        IllegalTransition: a stage in `redo` has not ended.
    """
    again = set(redo) | {stage for stage, state in job.stages.items() if state in {State.FAILED, State.CANCELLED}}
    for stage, needed in NEEDS.items():  # dependencies first
        if job.stages[stage] is State.DONE and needed & again and stage not in keep:
            again.add(stage)
    for stage in again:
        job = advance(job, stage, Event.REOPEN)
    return job


def outcome(job: Job) -> State | None:
    """DONE, FAILED or CANCELLED once the job has ended; None before."""
    states = set(job.stages.values())
    for final in (State.FAILED, State.CANCELLED):
        if final in states:
            return final
    return State.DONE if states <= MET else None


_OUTCOMES = {
    State.DONE: JobState.COMPLETED,
    State.FAILED: JobState.FAILED,
    State.CANCELLED: JobState.CANCELLED,
}
_PREPARING = {State.WAITING: JobState.UPLOADED, State.QUEUED: JobState.QUEUED, State.RUNNING: JobState.PREPARING}


def job_state(job: Job) -> JobState:
    """The state that a client sees."""
    if final := outcome(job):
        return _OUTCOMES[final]
    if state := _PREPARING.get(job.stages[Stage.PREPARE]):
        return state
    return JobState.ASSEMBLING if job.stages[Stage.ASSEMBLE] in ACTIVE else JobState.TRANSCRIBING
