"""A process that runs every handler, for the model test: the real handlers and SQL, with the slow parts replaced.

It dies at any await (`crashes`). Its connections then end as those of a killed process do: PostgreSQL rolls back what was not committed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np
from crashes import run_until
from memory_broker import MemoryBroker, Stored
from voicepipe_orchestrator.assemble.handler import AssembleHandler
from voicepipe_orchestrator.controller.advisories import Advisories
from voicepipe_orchestrator.controller.deletions import Deletions
from voicepipe_orchestrator.controller.diarization_deadline import DiarizationDeadline
from voicepipe_orchestrator.controller.sweep import Sweeper
from voicepipe_orchestrator.dead_letters import DeadLetterPolicy
from voicepipe_orchestrator.domain import SAMPLE_RATE, ChunkPlan, Recognition, Span, Word
from voicepipe_orchestrator.pcm_store import delete_pcm
from voicepipe_orchestrator.prepare.decode import Decoded
from voicepipe_orchestrator.prepare.decoder_process import DecodeLimits
from voicepipe_orchestrator.prepare.handler import Prepared, PrepareHandler
from voicepipe_orchestrator.prepare.report import Found
from voicepipe_orchestrator.transcribe.handler import ChunkHandler, StartHandler
from voicepipe_wire.changes.cancellation import cancel
from voicepipe_wire.changes.deletion import delete
from voicepipe_wire.changes.redrive import redrive
from voicepipe_wire.changes.reopening import retry
from voicepipe_wire.changes.speakers import diarize_again
from voicepipe_wire.errors import Reject, Unavailable
from voicepipe_wire.jobs import diarizations, jobs
from voicepipe_wire.jobs.claim import StageRef, claim, lock_if_running
from voicepipe_wire.jobs.jobs import StoredJob
from voicepipe_wire.jobs.stages import Event, Stage, advance
from voicepipe_wire.messaging.dead_letters import DeadLetter
from voicepipe_wire.messaging.envelope import unpack
from voicepipe_wire.messaging.outbox import Outbox, Transaction
from voicepipe_wire.messaging.subjects import DLQ
from voicepipe_wire.settings import Settings
from voicepipe_wire.storage import database
from voicepipe_wire.storage.objects import ObjectMissing
from voicepipe_wire.transcript.media import Media
from voicepipe_wire.transcript.turns import Diarization, DiarizedBy, Turn
from voicepipe_wire.v1.commands_pb2 import (
    AssembleTranscript,
    DiarizeRecording,
    PrepareRecording,
    StartTranscription,
    TranscribeChunk,
)

WINDOW = 2
CHUNK_S = 2


CHANGES: dict[str, Callable[[Transaction, StoredJob], Awaitable[object]]] = {
    "cancel": cancel,
    "retry": retry,
    "delete": delete,
    "diarize_again": lambda transaction, job: diarize_again(transaction, job, None, None),
}


def word_of(index: int) -> str:
    return f"Word{index}."


class MemoryStore:
    """The object store: a set of keys."""

    def __init__(self) -> None:
        self.keys: set[str] = set()

    async def put(self, key: str) -> None:
        await asyncio.sleep(0)
        self.keys.add(key)
        await asyncio.sleep(0)

    async def delete(self, key: str) -> None:
        await asyncio.sleep(0)
        self.keys.discard(key)

    async def delete_under(self, prefix: str) -> None:
        await asyncio.sleep(0)
        self.keys = {key for key in self.keys if not key.startswith(prefix)}
        await asyncio.sleep(0)


class Model:
    """PCM and recognizer in one: the audio of a chunk is its index, and its word says so. Poisoned chunks are rejected."""

    def __init__(self, store: MemoryStore) -> None:
        self.poisoned: set[tuple[UUID, int]] = set()
        self._store = store

    async def read(self, key: str, spans: Any) -> np.ndarray:
        await asyncio.sleep(0)
        if key not in self._store.keys:
            raise ObjectMissing(key)
        return np.full(spans[0].samples, spans[0].start // (CHUNK_S * SAMPLE_RATE) + 1, np.int16)

    async def recognize(self, audio: np.ndarray, request: Any) -> Recognition:
        await asyncio.sleep(0)
        index = int(audio[0]) - 1
        if (request.job_id, index) in self.poisoned:
            raise Reject.of("audio_too_long", reason="poisoned")
        words = (Word(0.1, 0.9, word_of(index), 0.99),)
        return Recognition(word_of(index), words, "en", -0.1, 0.0, 1.0, truncated=False)

    async def languages(self, _audio: np.ndarray, _job_id: UUID) -> dict[str, float]:
        await asyncio.sleep(0)
        return {"en": 0.99}


class Preparation(PrepareHandler):
    """Decodes nothing: a recording has as many chunks as its name says."""

    @asynccontextmanager
    async def _original(self, _job: Any) -> AsyncIterator[Path]:
        await asyncio.sleep(0)
        yield Path()

    async def _decode(self, job: Any, _path: Path, pcm_key: str) -> Prepared:
        count = int(await self._pool.fetchval("SELECT name FROM recordings WHERE id = $1", job.recording_id))
        await self._store.put(pcm_key)
        length = CHUNK_S * SAMPLE_RATE
        plans = tuple(ChunkPlan(n, (Span(n * length, n * length + SAMPLE_RATE),), 1.0, 8000) for n in range(count))
        media = Media("wav", "pcm_s16le", SAMPLE_RATE, 1, "mix", "one_channel", 1, (), count * CHUNK_S)
        return Prepared(Decoded(Found(count * length, media, 0.0, 0.0, 0.0), ()), plans, pcm_key)


class Process:
    """One process with its connections. `run` is how all of its work is done."""

    def __init__(self, name: str, settings: Settings, broker: MemoryBroker, store: MemoryStore, model: Model) -> None:
        self._name = name
        self._settings = settings
        self._broker = broker
        self._store = store
        self._model = model
        self._pool: Any = None

    async def open(self) -> None:
        url = f"{self._settings.database_url.get_secret_value()}?application_name={self._name}"
        settings = self._settings.model_copy(update={"database_url": type(self._settings.database_url)(url)})
        self._pool = await database.connect(settings)
        self._wire()

    async def close(self) -> None:
        await self._pool.close()

    async def run(self, work: Coroutine[Any, Any, Any], at: int | None) -> bool:
        """False if the process died before the work was done. It runs again in any case. An outage ends the work only: it is tried again."""
        try:
            survived = await run_until(work, at)
        except Unavailable:
            return True
        if not survived:
            await self._restart()
        return survived

    async def _restart(self) -> None:
        """Another process takes over once the server has noticed that this one is gone."""
        self._pool.terminate()
        connection = await asyncpg.connect(self._settings.database_url.get_secret_value())
        alive = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1"
        while await connection.fetchval(alive, self._name):
            await asyncio.sleep(0.001)
        await connection.close()
        await self.open()

    def _wire(self) -> None:
        pool, broker, store, model = self._pool, self._broker, self._store, self._model
        self.outbox = outbox = Outbox(pool, broker, "model")
        self.policy = DeadLetterPolicy(outbox, WINDOW)
        prepare = Preparation(pool, outbox, store, None, Path(), DecodeLimits(), speakers=True)
        self.handlers = {
            PrepareRecording: prepare.handle,
            StartTranscription: StartHandler(pool, outbox, model, model, WINDOW, "accurate").handle,
            TranscribeChunk: ChunkHandler(pool, outbox, model, model, WINDOW, dict).handle,
            DiarizeRecording: self._diarize,
            AssembleTranscript: AssembleHandler(pool, outbox, store).handle,
        }
        self.deletions = Deletions(pool, store, broker)
        self.sweeper = Sweeper(pool, outbox, broker, 0.0)
        self.advisories = Advisories(broker, self.policy)
        self.deadline = DiarizationDeadline(pool, outbox, -3600.0)

    async def deliver(self, message: Stored) -> None:
        """As a worker does it (`consumer`): handle, then settle."""
        _, command = unpack(message.headers, message.data)
        try:
            await self.handlers[type(command)](command)
        except Reject as error:
            entry = DeadLetter(
                message.subject, message.headers, message.data, error.code, error.message, message.deliveries
            )
            await entry.publish(self._broker)
            await self.policy(command, error)
        await self._broker.ack(message.seq)

    async def change(self, verb: str, job_id: UUID) -> None:
        """As status does it, in one transaction. After a cancellation the PCM is deleted, as retention does it later."""
        async with self.outbox.transaction() as transaction:
            job = await jobs.lock(transaction.connection, job_id)
            if job is not None:
                await CHANGES[verb](transaction, job)
        if verb == "cancel":
            await delete_pcm(self._pool, self._store, job_id)

    async def redrive(self, sequence: int) -> None:
        """As status does it for an operator."""
        entry = await self._broker.find(DLQ, sequence)
        if entry is None:
            return
        envelope, command = unpack(entry.headers, entry.data)
        async with self.outbox.transaction() as transaction:
            done = await redrive(transaction, command, envelope.time)
        if done:
            await self._broker.drop(DLQ, sequence)

    async def hand_back(self, message: Stored, delay_s: float) -> None:
        """As a worker does it that stops, or that has waited long enough for something."""
        envelope, _ = unpack(message.headers, message.data)
        await self.outbox.publish_again(envelope.id, delay_s=delay_s)
        await self._broker.ack(message.seq)

    async def _diarize(self, command: DiarizeRecording) -> None:
        """What the diarizer does, without its model."""
        ref = StageRef(UUID(command.job_id), Stage.DIARIZE)
        claimed = await claim(self.outbox, ref)
        if claimed is None:
            return
        await self._model.read(claimed.pcm_key, (Span(0, 1),))
        turns = (Turn(0.0, 100.0, "A"),)
        async with self.outbox.transaction() as transaction:
            if job := await lock_if_running(transaction, ref):
                await diarizations.save(transaction, job, Diarization(turns, turns), DiarizedBy("model", "1"))
                await jobs.save(transaction, job, advance(job.stages, Stage.DIARIZE, Event.FINISH))
