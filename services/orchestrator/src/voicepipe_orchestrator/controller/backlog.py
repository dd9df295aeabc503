"""Publishes the backlog of every queue for the autoscaler, and exports it as metrics.

Several controllers may do so at once: the stream keeps the newest snapshot, and each is complete in itself.

With 10,000 jobs that wait, each in two stages, and 100,000 that are done, a pass took 0.3 to 0.45 s on two shared cores: 0.1 s in
PostgreSQL, and most of the rest in the event loop of the controller.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prometheus_client import Gauge
from voicepipe_wire.jobs.stages import Stage
from voicepipe_wire.messaging.broker import JetStream
from voicepipe_wire.messaging.subjects import BACKLOG_SUBJECT, CONTROL, Priority, Queue
from voicepipe_wire.storage.database import Connection, Pool
from voicepipe_wire.v1.scaling_pb2 import BacklogSnapshot, QueueBacklog

from .audio_backlog import ActiveStage, QueueKey, Rates, Seen, Sums, backlog, estimate_s, in_flight_s, measure

COMMANDS = Gauge("voicepipe_backlog", "Commands waiting for a worker", ["stage", "priority", "pool"])
AUDIO = Gauge(
    "voicepipe_backlog_audio_seconds",
    "Seconds of audio left in all jobs of a stage, in the stream or not",
    ["stage", "priority", "pool"],
)
STUCK = Gauge(
    "voicepipe_jobs_stuck",
    "Jobs that make no progress in a stage that is running, and wait for no dependency",
    ["stage"],
)
# Longer than the clustering of the longest recording takes: it reports no progress.
STUCK_AFTER_S = 1800.0
OVERLAP_S = 10.0  # a transaction is committed after the time that it writes into `finished_at`

_STAGES = """
    SELECT s.job_id, s.stage, s.state = 'running' AS running, j.priority, j.options -> 'model' ->> 'name' AS pool,
        s.done_s, s.total_s, j.duration_s, j.speech_s, r.size_bytes, r.media_type,
        coalesce((j.options ->> 'diarize')::boolean, false) AS diarize,
        coalesce(extract(epoch FROM now() - s.queued_at), 0)::float AS waits_s,
        extract(epoch FROM s.finished_at)::float AS ended_at_s
    FROM stages s JOIN jobs j ON j.id = s.job_id JOIN recordings r ON r.id = j.recording_id
"""
_PACES = """
    SELECT r.media_type, sum(j.duration_s) AS seconds, sum(r.size_bytes)::float AS bytes
    FROM (SELECT job_id FROM stages WHERE stage = 'prepare' AND state = 'done' ORDER BY finished_at DESC LIMIT 200) s
    JOIN jobs j ON j.id = s.job_id JOIN recordings r ON r.id = j.recording_id
    GROUP BY r.media_type
"""


class Backlog:
    def __init__(
        self, pool: Pool, jetstream: JetStream, declared_pools: Sequence[str], window_chunks: int, max_audio_s: float
    ) -> None:
        self._pool = pool
        self._jetstream = jetstream
        self._declared = declared_pools
        self._window = window_chunks
        self._longest_s = max_audio_s
        self._seen: Seen | None = None
        self._exported: set[tuple[str, str, str]] = set()

    async def publish(self) -> None:
        at_s, active, ended = await self._read()
        sums = backlog(active, self._window)
        rates, self._seen = measure(self._seen, at_s, active, ended)
        keys = sorted({*sums, *rates.done, *rates.arrived, *self._declared_keys()})
        snapshot = BacklogSnapshot(
            at_s=at_s,
            interval_s=rates.interval_s,
            queues=[_queue(key, sums.get(key, Sums()), rates, await self._commands(key)) for key in keys],
            dead_letters=await self._dead_letters(),
            stuck_jobs=await self._stuck_jobs(),
        )
        self._export(snapshot.queues)
        for stage, jobs in snapshot.stuck_jobs.items():
            STUCK.labels(stage).set(jobs)
        await self._jetstream.publish(BACKLOG_SUBJECT, snapshot.SerializeToString(), {})

    async def _read(self) -> tuple[float, list[ActiveStage], list[ActiveStage]]:
        """The time, the active stages, and those that were done since the last pass, from one snapshot of the database."""
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            at_s: float = await connection.fetchval("SELECT extract(epoch FROM now())::float")
            paces = {row["media_type"]: (row["seconds"], row["bytes"]) for row in await connection.fetch(_PACES)}
            active = await connection.fetch(f"{_STAGES} WHERE s.state IN ('queued', 'running')")
            since_s = (self._seen.at_s if self._seen else at_s) - OVERLAP_S
            ended = await _ended(connection, since_s)
        return at_s, self._stages(active, paces), self._stages(ended, paces)

    def _stages(self, rows: Iterable[Mapping[str, Any]], paces: Mapping[str, tuple[float, float]]) -> list[ActiveStage]:
        return [
            ActiveStage(
                job_id=row["job_id"],
                stage=Stage(row["stage"]),
                running=row["running"],
                priority=row["priority"],
                pool=row["pool"],
                done_s=row["done_s"],
                total_s=row["total_s"],
                duration_s=row["duration_s"],
                speech_s=row["speech_s"],
                estimated_s=estimate_s(row["size_bytes"], row["media_type"], paces, self._longest_s),
                diarize=row["diarize"],
                waits_s=row["waits_s"],
                ended_at_s=row["ended_at_s"],
            )
            for row in rows
        ]

    def _declared_keys(self) -> list[QueueKey]:
        queues = [(str(stage), "") for stage in (*Stage, CONTROL) if stage is not Stage.TRANSCRIBE]
        queues += [(str(Stage.TRANSCRIBE), name) for name in self._declared]
        return [QueueKey(stage, pool, priority) for stage, pool in queues for priority in Priority]

    def _export(self, queues: Sequence[QueueBacklog]) -> None:
        for queue in queues:
            labels = (queue.stage, queue.priority, queue.pool)
            COMMANDS.labels(*labels).set(queue.pending)
            AUDIO.labels(*labels).set(queue.queued_s + queue.in_flight_s)
            self._exported.discard(labels)
        for labels in self._exported:  # the work of a pool that is not declared any more has ended
            COMMANDS.remove(*labels)
            AUDIO.remove(*labels)
        self._exported = {(queue.stage, queue.priority, queue.pool) for queue in queues}

    async def _dead_letters(self) -> dict[str, int]:
        """By stage. A stage without any has a 0: what is missing is not known."""
        found = await self._jetstream.dead_letters()
        return {} if found is None else {**dict.fromkeys((*Stage, CONTROL), 0), **found}

    async def _stuck_jobs(self) -> dict[str, int]:
        rows = await self._pool.fetch(
            """
            SELECT s.stage, count(*) AS jobs FROM stages s JOIN jobs j ON j.id = s.job_id
            WHERE s.state = 'running' AND s.waiting_for IS NULL AND j.changed_at < now() - make_interval(secs => $1)
            GROUP BY s.stage
            """,
            STUCK_AFTER_S,
        )
        return {**dict.fromkeys(map(str, Stage), 0), **{row["stage"]: row["jobs"] for row in rows}}

    async def _commands(self, key: QueueKey) -> tuple[int, int]:
        """How many commands wait, and how many are in flight."""
        return await self._jetstream.commands(Queue(key.stage, key.pool or None), key.priority)


async def _ended(connection: Connection, since_s: float) -> list[Mapping[str, Any]]:
    where = "WHERE s.stage = ANY ($2) AND s.state = 'done' AND s.finished_at > to_timestamp($1)"
    return list(await connection.fetch(f"{_STAGES} {where}", since_s, [str(stage) for stage in Stage]))


def _queue(key: QueueKey, sums: Sums, rates: Rates, commands: tuple[int, int]) -> QueueBacklog:
    pending, in_flight = commands
    flying_s = in_flight_s(key, sums.left_s, pending, in_flight)
    return QueueBacklog(
        stage=key.stage,
        pool=key.pool,
        priority=key.priority,
        queued_s=sums.left_s - flying_s,
        in_flight_s=flying_s,
        arriving_s=sums.arriving_s,
        arrived_s_per_s=rates.arrived.get(key, 0.0),
        done_s_per_s=rates.done.get(key, 0.0),
        pending=pending,
        in_flight=in_flight,
        jobs=sums.jobs,
        upstream_jobs=sums.upstream_jobs,
        expected_commands=sums.expected_commands,
        oldest_s=sums.oldest_s,
    )
