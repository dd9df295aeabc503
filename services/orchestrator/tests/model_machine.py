"""The pipeline as a state machine for Hypothesis, which chooses what happens next and at which await a process dies.

After every step the tables must be consistent; in the end a fair schedule, without further faults, must end every job.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import UUID, uuid4

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from memory_broker import MemoryBroker, Stored
from model_checks import announced_versions, check_stages, check_words
from model_process import MemoryStore, Model, Process
from voicepipe_wire.jobs import jobs
from voicepipe_wire.jobs.claim import MAX_ATTEMPTS
from voicepipe_wire.jobs.jobs import NewJob, StoredJob
from voicepipe_wire.jobs.stages import ACTIVE, FINAL, JobState, Stage, State
from voicepipe_wire.messaging.envelope import unpack
from voicepipe_wire.messaging.subjects import DLQ, EVENTS, WORK
from voicepipe_wire.settings import Settings
from worker_pipeline import OPTIONS

MAX_DELIVER = 3
VERBS = ("cancel", "retry", "diarize_again", "delete")
MAX_JOBS = 3
MAX_ROUNDS = 60
PICK = st.integers(0, 99)
# At which await a process dies: mostly not at all, otherwise anywhere in the longest handler.
DEATH = st.one_of(st.none(), st.integers(1, 25), st.integers(1, 60))
CHUNKS = st.integers(1, 4)


@dataclass
class Known:
    """What the test knows of a job. `versions` is the number of its transcripts at the last look, `state` its state."""

    chunks: int
    state: JobState = JobState.QUEUED
    versions: int = 0
    is_deleted: bool = False


class Pipeline(RuleBasedStateMachine):
    """`loop` and `base` (the settings) are set by the test."""

    loop: asyncio.AbstractEventLoop
    base: Settings

    def __init__(self) -> None:
        super().__init__()
        self.broker, self.store = MemoryBroker(), MemoryStore()
        self.model = Model(self.store)
        self.known: dict[UUID, Known] = {}
        self.history: list[str] = []
        self.processes = [Process(f"model-{n}", self.base, self.broker, self.store, self.model) for n in (0, 1)]
        self.wait_for(self._start())

    def wait_for(self, work):
        try:
            return self.loop.run_until_complete(work)
        except Exception as error:
            error.add_note("\n".join(self.history))
            raise

    def happened(self, *what):
        self.history.append(" ".join(map(str, what)))

    async def _start(self) -> None:
        for process in self.processes:
            await process.open()
        self.first, self.second = self.processes
        await self.pool.execute("TRUNCATE jobs, recordings, outbox, deletions, users CASCADE")
        self.owner_id = await self.pool.fetchval("INSERT INTO users (name) VALUES ('owner') RETURNING id")

    @property
    def pool(self):
        return self.first._pool

    # What happens

    # A rule that finds nothing to act on does nothing: a precondition would depend on the timing of the servers.

    @initialize(chunks=CHUNKS, diarize=st.booleans())
    def submit_first(self, chunks, diarize):
        self.submit(chunks, diarize)

    @rule(chunks=CHUNKS, diarize=st.booleans())
    def submit(self, chunks, diarize):
        self.happened("submit", chunks, diarize)
        if len(self.known) == MAX_JOBS:
            return
        job_id = self.wait_for(self._submit(chunks, diarize=diarize))
        self.known[job_id] = Known(chunks)

    async def _submit(self, chunks, *, diarize):
        job_id = uuid4()
        key = f"audio/{self.owner_id}/2026-01-01/{job_id}/original"
        await self.store.put(key)
        async with self.first.outbox.transaction() as transaction:
            await transaction.connection.execute(
                "INSERT INTO recordings (id, owner_id, name, media_type, size_bytes, sha256, object_key) "
                "VALUES ($1, $2, $3, 'audio/wav', 1, $4, $5)",
                job_id,
                self.owner_id,
                str(chunks),
                bytes(32),
                key,
            )
            await jobs.create(
                transaction, NewJob(job_id, self.owner_id, job_id, "standard", {**OPTIONS, "diarize": diarize})
            )
        return job_id

    @rule(pick=PICK, death=DEATH)
    def deliver(self, pick, death):
        if message := chosen(self.deliverable(), pick):
            self.wait_for(self._deliver(self.first, message, death))

    @rule(count=st.integers(2, 8))
    def deliver_some(self, count):
        """Without faults, so that jobs come far enough for the interesting ones."""
        for message in self.deliverable()[:count]:
            self.wait_for(self._deliver(self.first, message, None))

    @rule(pick=PICK, deaths=st.tuples(DEATH, DEATH))
    def deliver_twice_at_once(self, pick, deaths):
        if message := chosen(self.deliverable(), pick):
            work = [self._deliver(p, message, death) for p, death in zip(self.processes, deaths, strict=True)]
            self.wait_for(self._at_once(*work))

    @rule(picks=st.tuples(PICK, PICK), deaths=st.tuples(DEATH, DEATH))
    def deliver_two_at_once(self, picks, deaths):
        messages = [chosen(self.deliverable(), pick) for pick in picks]
        work = [self._deliver(p, m, d) for p, m, d in zip(self.processes, messages, deaths, strict=True) if m]
        self.wait_for(self._at_once(*work))

    @rule(pick=PICK, job=PICK, verb=st.sampled_from(["cancel", "retry", "diarize_again", "sweep"]))
    def command_during_a_delivery(self, pick, job, verb):
        self.happened(verb, job, "during")
        message, job_id = chosen(self.deliverable(), pick), chosen(list(self.known), job)
        if message:
            command = self._sweep(self.second) if verb == "sweep" else self._command(self.second, verb, job_id)
            self.wait_for(self._at_once(self._deliver(self.first, message, None), command))

    @rule(pick=PICK, delay_s=st.sampled_from([0.0, 0.001]), death=DEATH)
    def hand_back(self, pick, delay_s, death):
        if message := chosen(self.deliverable(), pick):
            self.happened("hand back", message.subject, delay_s, death)
            message.deliveries += 1
            self.wait_for(self.first.run(self.first.hand_back(message, delay_s), death))

    async def _deliver(self, process: Process, message: Stored, death: int | None) -> None:
        _, command = unpack(message.headers, message.data)
        chunk = getattr(command, "chunk_index", "")
        self.happened(type(command).__name__, chunk, "of", command.job_id[:4], f"dies at {death}" if death else "")
        message.deliveries += 1
        message.in_flight += 1
        try:
            await process.run(process.deliver(message), death)
        finally:
            message.in_flight -= 1

    async def _at_once(self, *work) -> None:
        await asyncio.gather(*work)

    @rule(pick=PICK, verb=st.sampled_from(["cancel", "retry", "diarize_again"]), death=DEATH)
    def command(self, pick, verb, death):
        self.happened(verb, pick, death)
        if job_id := chosen(list(self.known), pick):
            self.wait_for(self.first.run(self._command(self.first, verb, job_id), death))

    @rule(pick=PICK, death=DEATH)
    def cancel_and_retry(self, pick, death):
        """What died in a cancellation must not keep the next run from its end."""
        self.happened("cancel and retry", pick, death)
        if job_id := chosen([key for key, known in self.known.items() if known.state not in FINAL], pick):
            self.wait_for(self.first.run(self._command(self.first, "cancel", job_id), death))
            self.wait_for(self.first.run(self._command(self.first, "retry", job_id), None))

    @rule(pick=PICK, death=DEATH)
    def delete(self, pick, death):
        self.happened("delete", pick, death)
        if pick < 30 and (
            job_id := chosen(list(self.known), pick)
        ):  # rarely, because little happens to what is deleted
            self.known[job_id].is_deleted = True
            self.wait_for(self.first.run(self._command(self.first, "delete", job_id), death))

    def _command(self, process: Process, verb: str, job_id: UUID):
        return process.change(verb, job_id)

    @rule(death=DEATH)
    def sweep(self, death):
        self.happened("sweep", death)
        self.wait_for(self.first.run(self._sweep(self.first), death))

    @rule()
    def sweep_twice_at_once(self):
        self.happened("sweep twice")
        self.wait_for(self._at_once(*(self._sweep(process) for process in self.processes)))

    async def _sweep(self, process: Process) -> None:
        await process.sweeper.sweep()

    @rule(death=DEATH)
    def relay(self, death):
        self.happened("relay", death)
        self.wait_for(self.first.run(self.first.outbox.relay(older_than_s=0), death))

    @rule(pick=PICK, death=DEATH)
    def advise(self, pick, death):
        self.happened("advise", pick, death)
        if message := chosen(self.exhausted(), pick):
            self.wait_for(self.first.run(self.first.advisories.dead_letter(message.seq, message.deliveries), death))

    @rule(pick=PICK, death=DEATH)
    def redrive(self, pick, death):
        self.happened("redrive", pick, death)
        if sequence := chosen(sorted(self.broker.streams[DLQ]), pick):
            self.wait_for(self.first.run(self.first.redrive(sequence), death))

    @rule(death=DEATH)
    def enforce_the_deadline_of_speakers(self, death):
        self.happened("deadline", death)
        self.wait_for(self.first.run(self.first.deadline.enforce(), death))

    @rule(faults=st.lists(st.sampled_from(["refused", "stored, not acknowledged"]), min_size=1, max_size=4))
    def broker_is_away(self, faults):
        self.happened("broker", faults)
        self.broker.faults = faults

    @rule()
    def lose_the_commands(self):
        self.happened("commands lost")
        self.broker.lose(WORK)

    @rule(pick=PICK, chunk=st.integers(0, 3))
    def poison(self, pick, chunk):
        self.happened("poison", pick, chunk)
        self.model.poisoned ^= {(chosen(list(self.known), pick), chunk)}

    # A death at a chosen moment

    def die_during(self, moment: str, death: int) -> bool:
        """Let a job come to this moment, and let the process die there; True if the work was done before that await."""
        is_done = self.wait_for(self.first.run(self._work_of(moment), death))
        self.wait_for(self._check_jobs())
        return is_done

    def _work_of(self, moment: str):
        if moment == "diarize_again":
            self.advance_to("AssembleTranscript")
            self.deliver_some(1)
            self.wait_for(self._check_jobs())
        elif moment in VERBS or moment.startswith("sweep"):
            self.advance_to("TranscribeChunk")
        else:
            self.advance_to(moment)
            return self.first.deliver(self.deliverable()[0])
        if moment == "sweep after a retry":  # chunks are queued, and the stage is too
            self.command(0, "cancel", None)
            self.command(0, "retry", None)
            self.advance_to("StartTranscription")
        job_id = next(iter(self.known))
        self.known[job_id].is_deleted = moment == "delete"
        if moment in VERBS:
            return self._command(self.first, moment, job_id)
        self.broker.lose(WORK)
        return self._sweep(self.first)

    def advance_to(self, command: str) -> None:
        """Deliver until such a command is the next."""
        while self.broker.streams[WORK] and command not in self.deliverable()[0].headers["ce-type"]:
            self.deliver_some(1)
        assert self.deliverable(), f"there is no {command}"

    def deliverable(self) -> list[Stored]:
        return [each for each in self.broker.streams[WORK].values() if each.deliveries < MAX_DELIVER]

    def exhausted(self) -> list[Stored]:
        return [each for each in self.broker.streams[WORK].values() if each.deliveries >= MAX_DELIVER]

    # What must hold after every step

    @invariant()
    def every_job_is_consistent(self):
        self.wait_for(self._check_jobs())

    async def _check_jobs(self) -> None:
        for job_id, known in self.known.items():
            row, job = await self._look(job_id)
            if job is None:
                assert known.is_deleted, f"{job_id} is gone"
                continue
            check_stages(row, job)
            self._check_versions(known, row, job)
            assert max(job.attempts.values()) <= MAX_ATTEMPTS
            if job.state not in FINAL:
                await self._check_not_lost(job)

    async def _look(self, job_id):
        query = "SELECT state, finished_at, (SELECT count(*) FROM transcripts WHERE job_id = $1) AS versions FROM jobs WHERE id = $1"
        return await self.pool.fetchrow(query, job_id), await jobs.read(self.pool, job_id)

    def _check_versions(self, known: Known, row, job: StoredJob) -> None:
        """A transcript is written by a run that ends, and by no other."""
        if row["versions"] > known.versions:
            assert row["versions"] == known.versions + 1, "two transcripts in one step"
            assert known.state is not JobState.COMPLETED, "a second transcript of one run"
        if job.state is JobState.COMPLETED and known.state is not JobState.COMPLETED:
            assert row["versions"] == known.versions + 1, "completed without a transcript"
        known.versions, known.state = row["versions"], job.state

    async def _check_not_lost(self, job: StoredJob) -> None:
        """Something will move the job: a stage that is due or under way, for which the sweeper or a command is responsible."""
        active = [stage for stage, state in job.stages.stages.items() if state in ACTIVE]
        assert active, f"nothing is under way: {dict(job.stages.stages)}"
        if job.stages[Stage.TRANSCRIBE] is State.RUNNING:
            chunks = await self.pool.fetch("SELECT state FROM chunks WHERE job_id = $1", job.id)
            states = {row["state"] for row in chunks}
            assert not states <= {"done", "failed"} or not states, "every chunk has ended, and the stage has not"

    # What must hold in the end

    def teardown(self):
        try:
            self.broker.faults = []
            self.model.poisoned = set()
            self.wait_for(self._end_fairly())
            self.wait_for(self._check_jobs())
            self.wait_for(self._check_ends())
        finally:
            self.wait_for(self._close())

    async def _close(self) -> None:
        for process in self.processes:
            await process.close()

    async def _end_fairly(self) -> None:
        """Everything is delivered, relayed, swept and advised until nothing is left to do."""
        for _ in range(MAX_ROUNDS):
            for job_id in [key for key, known in self.known.items() if known.is_deleted]:
                await self.first.change("delete", job_id)
            await self.pool.execute("UPDATE deletions SET due_at = now()")
            await self.first.deletions.work_off()
            await self.first.outbox.relay(older_than_s=0)
            for message in self.exhausted():
                await self.first.advisories.dead_letter(message.seq, message.deliveries)
            for message in self.deliverable():
                await self._deliver(self.first, message, None)
            await self.first.sweeper.sweep()
            if not self.broker.streams[WORK] and not await self._unended():
                return
        raise AssertionError(f"not at an end: {await self._unended()}, {list(self.broker.streams[WORK].values())}")

    async def _unended(self):
        query = """
            SELECT 'job', id, state, (SELECT string_agg(stage || ' ' || state, ', ') FROM stages WHERE job_id = jobs.id)
            FROM jobs WHERE finished_at IS NULL
            UNION ALL SELECT 'message', id, subject, work FROM outbox WHERE published_at IS NULL
        """
        return [tuple(row) for row in await self.pool.fetch(query)]

    async def _check_ends(self) -> None:
        announced = announced_versions(self.broker.streams[EVENTS].values())
        for job_id, known in self.known.items():
            row, job = await self._look(job_id)
            assert (job is None) == known.is_deleted
            if job is None:
                assert not [key for key in self.store.keys if str(job_id) in key], "objects of a deleted job"
                continue
            assert announced[job_id] == list(range(1, row["versions"] + 1))
            if job.state is JobState.COMPLETED:
                await check_words(self.pool, job_id, known.chunks)


def chosen(items, pick):
    """One of the items; None if there is none."""
    return items[pick % len(items)] if items else None
