"""Transcribes a recording: `StartHandler` chooses the language, `ChunkHandler` recognizes one chunk.

A chunk takes seconds to minutes at the model, and the lock of its job is not held meanwhile. So a handler checks the
job twice:

- Before the work: is there anything to do? For a stage, `claim` locks the job; for a chunk, a read without a lock is
  enough, because it only saves work that would be discarded.
- Before it saves, under the lock (`lock_if_running`, `save_recognition`): is the result still wanted? In between, the
  job may have been cancelled or deleted, the stage requeued by the sweeper, or the chunk finished by another worker. If
  so, the result is discarded.

At most `window_chunks` of a job are queued at a time. Each chunk queues its successor in the transaction that saves it,
so the window stays full without a scheduler, and a worker that dies delays only the chunks that it had in flight.
Chunks of one job finish on several workers at once; the lock puts their transactions in order, so exactly one of them
finds no unfinished chunk and finishes the stage.

A model that knows one language cannot tell that a recording is in another, so `StartHandler` forwards its command to a
pool whose model can. That pool may be lost before it handles the command; the command then waits for it, as any command
waits for its pool.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from prometheus_client import Counter
from voicepipe_wire.errors import Reject
from voicepipe_wire.jobs import jobs, warnings
from voicepipe_wire.jobs.claim import StageRef, claim, lock_if_running
from voicepipe_wire.jobs.jobs import StoredJob
from voicepipe_wire.jobs.stages import Stage, State
from voicepipe_wire.messaging.outbox import Outbox, Transaction
from voicepipe_wire.storage.database import Pool
from voicepipe_wire.storage.objects import ObjectMissing
from voicepipe_wire.transcript.languages import LANGUAGES
from voicepipe_wire.v1.commands_pb2 import StartTranscription, TranscribeChunk
from voicepipe_wire.v1.events_pb2 import ChunkTranscribed

from voicepipe_orchestrator import chunks, pools
from voicepipe_orchestrator.chunks import StoredChunk
from voicepipe_orchestrator.domain import SAMPLE_RATE, ChunkPlan, Recognition, SpeechPool, voice_of
from voicepipe_orchestrator.ports import PcmReader, Recognizer

from .chunk_recognizer import ChunkRecognizer, timed_words
from .fallback import OMITTED, lacks_capitals
from .invention import RULES
from .language import SWITCH_ABOVE, LanguageChoice, choose_language, detecting_pool, probe_indices

DROPPED_S = Counter("voicepipe_dropped_seconds_total", "Speech whose words were dropped as invented", ["rule"])
for rule in RULES:  # exported as 0 from the start: Prometheus cannot see the first increase of a new series
    DROPPED_S.labels(rule)


class StartHandler:
    """`pool_name` is the pool of this worker: that of the job, or one that detects the language for it."""

    def __init__(
        self, pool: Pool, outbox: Outbox, pcm: PcmReader, recognizer: Recognizer, window_chunks: int, pool_name: str
    ) -> None:
        self._pool = pool
        self._outbox = outbox
        self._pcm = pcm
        self._recognizer = recognizer
        self._window = window_chunks
        self._pool_name = pool_name

    async def handle(self, command: StartTranscription) -> None:
        """Safe to repeat: the language stays as chosen, and the commands of queued chunks are sent again."""
        ref = StageRef(UUID(command.job_id), Stage.TRANSCRIBE)
        job = await claim(self._outbox, ref)
        if job is None:
            return
        known = await pools.load_all(self._pool)
        detector = detecting_pool(self._pool_name, known) if _needs_detection(job) else self._pool_name
        if detector is not None and detector != self._pool_name:
            await self._forward(ref, detector)
            return
        planned = await chunks.load_all(self._pool, job.id)
        try:
            choice = await self._language(job, planned, known, detector)
        except ObjectMissing:
            if await _is_outdated(self._pool, job):
                return
            raise
        async with self._outbox.transaction() as transaction:
            job = await lock_if_running(transaction, ref)
            if job is None:
                return
            await jobs.set_language(transaction, job, choice.language, choice.probability)
            if choice.language and choice.probability is None:
                model, spoken = job.options["model"]["tier"], LANGUAGES[choice.language]
                await warnings.warn(transaction, job, "language_assumed", model=model, known=spoken)
            await chunks.requeue(transaction, job)
            await chunks.queue_next(transaction, job, self._window)
            await chunks.finish_if_complete(transaction, job)

    async def _forward(self, ref: StageRef, detector: str) -> None:
        """Let a worker of the pool `detector` choose the language and queue the chunks."""
        async with self._outbox.transaction() as transaction:
            if job := await lock_if_running(transaction, ref):
                jobs.command(transaction, job, Stage.TRANSCRIBE, pool=detector)

    async def _language(
        self,
        job: StoredJob,
        planned: Sequence[StoredChunk],
        known: Mapping[str, SpeechPool],
        detector: str | None,
    ) -> LanguageChoice:
        """The language that the owner chose, that was detected before, or that is detected now in a few chunks.

        Raises:
            Reject: the recording is in a language that the chosen model does not know.
        """
        if job.options["language"] != "auto":
            return LanguageChoice(job.options["language"], 1.0)
        if job.language_probability is not None:
            return LanguageChoice(job.language, job.language_probability)
        wanted = known.get(job.pool)
        only = wanted.languages[0] if wanted and not wanted.is_multilingual else None
        if detector is None:
            return LanguageChoice(only, None)
        if only is None and len(planned) == 1:
            # The language of a clip is detected together with its words, in one request.
            return LanguageChoice(None, None)
        indices = probe_indices(len(planned), [chunk.plan.speech_s for chunk in planned])
        probes = await asyncio.gather(*(self._probe(job, planned[index].plan) for index in indices))
        choice = choose_language(probes)
        return choice if only is None else _restrict_to_model(choice, only, job.options["model"]["tier"])

    async def _probe(self, job: StoredJob, plan: ChunkPlan) -> dict[str, float]:
        audio = await self._pcm.read(job.pcm_key or "", plan.spans)
        return dict(await self._recognizer.languages(audio, job.id))


def _needs_detection(job: StoredJob) -> bool:
    return job.options["language"] == "auto" and job.language_probability is None


def _restrict_to_model(choice: LanguageChoice, only: str, tier: str) -> LanguageChoice:
    """The choice for a model that knows `only` one language; its probability is None if the language is only assumed.

    Raises:
        Reject: the recording is confidently in another language.
    """
    confident = choice.language if (choice.probability or 0.0) >= SWITCH_ABOVE else None
    if confident and confident != only:
        raise Reject.of(
            "language_not_known", language=LANGUAGES.get(confident, confident), model=tier, known=LANGUAGES[only]
        )
    return LanguageChoice(only, choice.probability if confident else None)


class ChunkHandler:
    """`model` gives the description of the model behind `recognizer`, which is stored with its words."""

    def __init__(
        self,
        pool: Pool,
        outbox: Outbox,
        pcm: PcmReader,
        recognizer: Recognizer,
        window_chunks: int,
        model: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._pool = pool
        self._outbox = outbox
        self._pcm = pcm
        self._recognizer = ChunkRecognizer(recognizer)
        self._window = window_chunks
        self._model = model

    async def handle(self, command: TranscribeChunk) -> None:
        """Safe to repeat: a chunk that is finished, or whose job has ended, is left alone."""
        ref = StageRef(UUID(command.job_id), Stage.TRANSCRIBE)
        job = await jobs.read(self._pool, ref.job_id)
        chunk = await chunks.load(self._pool, ref.job_id, command.chunk_index)
        if job is None or chunk is None or chunk.state != "queued" or job.state != "transcribing" or not job.pcm_key:
            return
        try:
            audio = await self._pcm.read(job.pcm_key, chunk.plan.spans)
        except ObjectMissing:
            if await _is_outdated(self._pool, job):
                return
            raise
        model = self._model()
        recognition, issue = await self._recognizer.recognize(job, chunk.plan, audio)
        if lacks_capitals(recognition.text):
            before = await self._text_before(job, chunk.plan.index)
            recognition = await self._recognizer.with_capitals(job, audio, recognition, before)
        words = await asyncio.to_thread(timed_words, recognition, chunk.plan, audio)
        recognition = replace(recognition, words=words)
        async with self._outbox.transaction() as transaction:
            job = await lock_if_running(transaction, ref)
            if job is None:
                return
            if not await chunks.save_recognition(transaction, job, chunk.plan.index, recognition, model):
                return
            await _set_language_of_only_chunk(transaction, job, recognition)
            if issue not in (None, OMITTED):  # what seems omitted may be a sound that is no speech
                await warnings.warn(transaction, job, "doubtful_parts")
            await self._emit(transaction, job, chunk.plan, recognition)
            await chunks.queue_next(transaction, job, self._window)
            await chunks.finish_if_complete(transaction, job)
        if recognition.dropped:
            DROPPED_S.labels(recognition.dropped).inc(chunk.plan.speech_s)

    async def _text_before(self, job: StoredJob, index: int) -> str:
        before = await chunks.load(self._pool, job.id, index - 1) if index else None
        return before.recognition.text if before and before.recognition else ""

    async def _emit(self, transaction: Transaction, job: StoredJob, plan: ChunkPlan, recognition: Recognition) -> None:
        done_s, total_s = await chunks.record_progress(transaction, job)
        voice = voice_of(plan, round((job.duration_s or 0.0) * SAMPLE_RATE))
        event = ChunkTranscribed(
            job_id=str(job.id),
            chunk_index=plan.index,
            start_s=plan.spans[0].start / SAMPLE_RATE - voice.start_s,
            end_s=plan.spans[-1].end / SAMPLE_RATE - voice.start_s,
            text=recognition.text.strip(),
            language=recognition.language,
            done_s=done_s,
            total_s=total_s,
        )
        transaction.event(job, event)


async def _is_outdated(pool: Pool, job: StoredJob) -> bool:
    """Whether the job no longer needs this work: it was deleted or cancelled, or is prepared again, so its PCM was deleted."""
    now = await jobs.read(pool, job.id)
    return now is None or now.stages[Stage.TRANSCRIBE] is not State.RUNNING or now.pcm_key != job.pcm_key


async def _set_language_of_only_chunk(transaction: Transaction, job: StoredJob, recognition: Recognition) -> None:
    """Set the language of a recording of one chunk, which was not probed."""
    if job.language_probability is not None or recognition.language_probability is None:
        return
    choice = choose_language([{recognition.language: recognition.language_probability}])
    await jobs.set_language(transaction, job, choice.language, choice.probability)
