"""What the model test checks of the tables and of the events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from memory_broker import Stored
from model_process import word_of
from voicepipe_wire.jobs.jobs import StoredJob
from voicepipe_wire.jobs.stages import ACTIVE, FINAL, MET, NEEDS, JobState, Stage, State
from voicepipe_wire.messaging.envelope import unpack
from voicepipe_wire.v1.events_pb2 import JobCompleted


def check_stages(row, job: StoredJob) -> None:
    """The state of the job is that of its stages, and no stage is ahead of those that it needs."""
    assert row["state"] == job.state
    assert (row["finished_at"] is not None) == (job.state in FINAL)
    states = job.stages.stages
    if job.state in FINAL:
        assert not ACTIVE & set(states.values()), dict(states)
    for stage, needed in NEEDS.items():
        if stage is Stage.DIARIZE and states[stage] is State.DONE:
            continue  # its turns are kept when the recording is decoded again
        if states[stage] in ACTIVE | {State.DONE} and job.state not in {JobState.FAILED, JobState.CANCELLED}:
            assert all(states[other] in MET for other in needed), dict(states)


async def check_words(pool: Any, job_id: UUID, chunks: int) -> None:
    """Every chunk is in the newest transcript, in order: as its word, or as a gap."""
    document = await pool.fetchval(
        "SELECT document FROM transcripts WHERE job_id = $1 ORDER BY version DESC LIMIT 1", job_id
    )
    words = [word["text"] for segment in document["segments"] for word in segment["words"]]
    failed = await pool.fetch("SELECT chunk_index FROM chunks WHERE job_id = $1 AND state = 'failed'", job_id)
    assert len(document["gaps"]) == len(failed)
    missing = {row["chunk_index"] for row in failed}
    assert words == [word_of(index) for index in range(chunks) if index not in missing]


def announced_versions(messages: Iterable[Stored]) -> defaultdict[UUID, list[int]]:
    """The versions of transcripts that events announce, by job, in ascending order. One that is announced twice is there twice."""
    found: defaultdict[UUID, list[int]] = defaultdict(list)
    for message in messages:
        _, event = unpack(message.headers, message.data)
        if isinstance(event, JobCompleted):
            found[UUID(event.job_id)].append(event.transcript_version)
    for versions in found.values():
        versions.sort()
    return found
