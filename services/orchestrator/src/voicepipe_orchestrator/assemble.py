"""The chunks of a job become its transcript."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from voicepipe_wire import jobs
from voicepipe_wire.database import Pool
from voicepipe_wire.jobs import StoredJob
from voicepipe_wire.objects import ObjectStore
from voicepipe_wire.outbox import Outbox
from voicepipe_wire.stages import Event, Stage, advance
from voicepipe_wire.steps import Step, still_running, take
from voicepipe_wire.transcript import ModelUsed, Notice, Transcript, TranscriptSegment, TranscriptWord
from voicepipe_wire.v1.commands_pb2 import AssembleTranscript
from voicepipe_wire.v1.events_pb2 import JobCompleted

from . import chunks
from .chunks import StoredChunk
from .model import Segment
from .stitch import Heard, gaps_of, plain_text, stitch
from .timemap import TimeMap

DRAFT = "This transcript was made by the built-in draft model, which often errs. Add a Whisper model for a better one."


class AssembleStep:
    def __init__(self, pool: Pool, outbox: Outbox, store: ObjectStore) -> None:
        self._pool = pool
        self._outbox = outbox
        self._store = store

    async def handle(self, command: AssembleTranscript) -> None:
        """Safe to repeat: a job whose transcript is saved is left alone."""
        step = Step(UUID(command.job_id), Stage.ASSEMBLE)
        job = await take(self._outbox, step)
        if job is None:
            return
        heard = await chunks.load_all(self._pool, job.id)
        segments = await asyncio.to_thread(_segments, heard)
        async with self._outbox.transaction() as transaction:
            if not await still_running(transaction, step):
                return
            if job.options["model"]["tier"] == "draft":
                await jobs.warn(transaction, job, "draft_quality", DRAFT)
            job = await jobs.lock(transaction.connection, job.id) or job
            version = await transaction.connection.fetchval(
                "SELECT coalesce(max(version), 0) + 1 FROM transcripts WHERE job_id = $1", job.id
            )
            about = await transaction.connection.fetchval(
                "SELECT description FROM models WHERE name = $1", job.options["model"]["name"]
            )
            document = _document(job, version, heard, segments, _model_used(job, about or {})).to_json()
            await transaction.connection.execute(
                "INSERT INTO transcripts (job_id, owner_id, version, document) VALUES ($1, $2, $3, $4)",
                job.id,
                job.owner_id,
                version,
                document,
            )
            await jobs.save(transaction, job, advance(job.stages, Stage.ASSEMBLE, Event.FINISH))
            completed = JobCompleted(job_id=str(job.id), transcript_version=version)
            transaction.event(completed, job_id=job.id, owner_id=job.owner_id)
        await drop_pcm(self._pool, self._store, job)


async def drop_pcm(pool: Pool, store: ObjectStore, job: StoredJob) -> None:
    """Delete the decoded audio of a job that has ended. What fails here the keeper does later."""
    if job.pcm_key:
        await store.delete(job.pcm_key)
        await pool.execute("UPDATE jobs SET pcm_key = NULL WHERE id = $1 AND finished_at IS NOT NULL", job.id)


def _segments(heard: Sequence[StoredChunk]) -> tuple[Segment, ...]:
    said = []
    for chunk in heard:
        if chunk.recognition:
            times = TimeMap(chunk.plan.spans)
            words = tuple(times.word(word) for word in chunk.recognition.words)
            said.append(Heard(chunk.plan.index, words, chunk.recognition.language))
    gaps = [gap for chunk in heard if chunk.error_code for gap in gaps_of(chunk.plan, chunk.error_code)]
    return stitch(said, gaps)


def _model_used(job: StoredJob, about: dict[str, str]) -> ModelUsed:
    return ModelUsed(
        name=about.get("model", job.options["model"]["name"]),
        engine=about.get("engine", "unknown"),
        tier=job.options["model"]["tier"],
        revision=about.get("revision", "unknown"),
        compute_type=about.get("compute_type", "unknown"),
    )


def _document(
    job: StoredJob, version: int, heard: Sequence[StoredChunk], segments: Sequence[Segment], model: ModelUsed
) -> Transcript:
    return Transcript(
        id=str(job.id),
        version=version,
        language=job.language,
        language_probability=job.language_probability,
        duration_s=job.duration_s or 0.0,
        speech_s=job.speech_s or 0.0,
        model=model,
        text=plain_text(segments),
        segments=tuple(_segment(number, segment) for number, segment in enumerate(segments)),
        gaps=tuple(gap for chunk in heard if chunk.error_code for gap in gaps_of(chunk.plan, chunk.error_code)),
        warnings=tuple(Notice(warning["code"], warning["message"]) for warning in job.warnings),
        created_at=datetime.now(UTC),
    )


def _segment(number: int, segment: Segment) -> TranscriptSegment:
    words = tuple(TranscriptWord(w.start_s, w.end_s, w.text, w.probability) for w in segment.words)
    return TranscriptSegment(
        id=number,
        start_s=segment.start_s,
        end_s=segment.end_s,
        text=segment.text,
        confidence=segment.confidence,
        language=segment.language,
        speaker=None,
        words=words,
    )
