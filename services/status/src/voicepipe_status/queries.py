"""All SQL of this service that reads. Every query for a user's data is filtered by owner; those for operators say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from voicepipe_wire.jobs import heartbeats
from voicepipe_wire.storage.database import Pool

from .http.cursors import Position

Row = Any  # asyncpg.Record, which has no types

# As a position it means so many or more.
MAX_QUEUE_POSITION = 1000

# The rows of `page` as transcriptions, in one round trip:
# - pace: per model, the speed of each stage in its last 20 completed jobs, in seconds of audio per second
# - waits: what a stage waits for, as a worker has noted, or because it is queued and no worker is there
# - queue: for each queued stage, how many of its stage and priority were queued earlier. It counts no further than MAX_QUEUE_POSITION, in the order of
#   the index `stages_queue`: one look at a job must not cost as much as the whole queue
_TRANSCRIPTIONS = f"""
, pace AS (
    SELECT m.model, (
        SELECT jsonb_object_agg(speed.stage, speed.audio_s / speed.wall_s) FROM (
            SELECT s.stage, sum(coalesce(nullif(s.total_s, 0), d.duration_s)) AS audio_s,
                sum(extract(epoch FROM s.finished_at - s.started_at)) AS wall_s
            FROM (
                SELECT id, duration_s FROM jobs
                WHERE options -> 'model' ->> 'name' = m.model AND state = 'completed'
                ORDER BY finished_at DESC LIMIT 20
            ) d JOIN stages s ON s.job_id = d.id
            WHERE s.state = 'done' AND s.finished_at > s.started_at
            GROUP BY s.stage
        ) speed WHERE speed.audio_s > 0
    ) AS speeds
    FROM (SELECT DISTINCT options -> 'model' ->> 'name' AS model FROM page WHERE finished_at IS NULL) m
), queue AS (
    SELECT own.job_id, min(ahead.jobs) AS ahead
    FROM page p JOIN stages own ON own.job_id = p.id AND own.state = 'queued'
    CROSS JOIN LATERAL (
        SELECT count(*) AS jobs FROM (
            SELECT FROM stages s
            WHERE s.state = 'queued' AND s.stage = own.stage AND s.priority = p.priority
                AND (s.queued_at, s.job_id) < (own.queued_at, own.job_id)
            LIMIT {MAX_QUEUE_POSITION}
        ) counted
    ) ahead
    WHERE p.finished_at IS NULL GROUP BY own.job_id
)
SELECT j.id, j.state, j.options, j.language, j.language_probability, j.duration_s, j.speech_s, j.warnings, j.media,
    j.error_code, j.error_message, j.created_at, j.finished_at, r.name, r.size_bytes, r.media_type,
    (SELECT max(t.version) FROM transcripts t WHERE t.job_id = j.id) AS transcript_version,
    stages.list AS stages, now() AS now,
    CASE WHEN NOT stages.running THEN queue.ahead END AS queue_position,
    pace.speeds
FROM page j
JOIN recordings r ON r.id = j.recording_id
LEFT JOIN pace ON j.finished_at IS NULL AND pace.model = j.options -> 'model' ->> 'name'
LEFT JOIN queue ON queue.job_id = j.id
CROSS JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object('stage', s.stage, 'state', s.state, 'attempt', s.attempts, 'done_s', s.done_s,
            'total_s', s.total_s, 'started_at', s.started_at, 'finished_at', s.finished_at,
            'waiting_for', waits.dependency, 'waiting_since', CASE WHEN waits.dependency = s.waiting_for THEN s.waiting_since
                WHEN waits.dependency IS NOT NULL THEN s.queued_at END)
        ORDER BY array_position(ARRAY['prepare', 'transcribe', 'diarize', 'assemble'], s.stage)) AS list,
        bool_or(s.state = 'running') AS running
    FROM stages s CROSS JOIN LATERAL (
        SELECT coalesce(s.waiting_for, CASE
            WHEN s.state <> 'queued' THEN NULL
            WHEN s.stage = 'transcribe' AND NOT EXISTS (SELECT FROM models m
                WHERE m.name = j.options -> 'model' ->> 'name' AND m.seen_at > now() - interval '30 seconds') THEN 'speech model'
            WHEN s.stage <> 'transcribe' AND NOT EXISTS (SELECT FROM workers w
                WHERE w.stage = s.stage AND w.seen_at > now() - interval '30 seconds') THEN 'worker'
        END) AS dependency
    ) waits WHERE s.job_id = j.id
) stages
ORDER BY j.created_at DESC, j.id DESC
"""  # noqa: S608 - the limit is a constant

# One transcription.
_ONE = f"WITH page AS (SELECT * FROM jobs WHERE owner_id = $1 AND id = $2) {_TRANSCRIPTIONS}"  # noqa: S608 - both halves are constants

# The existing ones of a list of ids.
_BATCH = f"WITH page AS (SELECT * FROM jobs WHERE owner_id = $1 AND id = ANY($2::uuid[])) {_TRANSCRIPTIONS}"  # noqa: S608

# A page, newest first. The bounds are plain comparisons, so that the index on (owner_id, created_at, id) applies.
_PAGE = f"""
WITH page AS (
    SELECT j.* FROM jobs j
    WHERE j.owner_id = $1
        AND (j.created_at, j.id) < (coalesce($2, 'infinity'::timestamptz), coalesce($3, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
        AND j.created_at > coalesce($4, '-infinity'::timestamptz) AND j.created_at < coalesce($5, 'infinity'::timestamptz)
        AND ($6::text[] IS NULL OR j.state = ANY($6))
        AND ($7::text IS NULL OR EXISTS (
            SELECT FROM recordings r WHERE r.id = j.recording_id AND strpos(lower(r.name), lower($7)) > 0))
    ORDER BY j.created_at DESC, j.id DESC LIMIT $8
) {_TRANSCRIPTIONS}"""  # noqa: S608

# That there is such a job, its state, and what became of its channels.
_SNAPSHOT = "SELECT state, media ->> 'channel_mode' AS channel_mode FROM jobs WHERE owner_id = $1 AND id = $2"

# Whether a job has ended or is gone, and whether one of its events is still in the outbox.
_ENDING = """
SELECT NOT EXISTS (SELECT FROM jobs WHERE id = $1 AND finished_at IS NULL) AS ended,
    EXISTS (SELECT FROM outbox WHERE job_id = $1 AND work IS NULL) AS unpublished
"""

# A transcript, by default the latest version, and the columns that explain a missing one.
_TRANSCRIPT = """
SELECT j.state, j.error_code, j.error_message, r.name, t.version, t.document,
    (SELECT max(v.version) FROM transcripts v WHERE v.job_id = j.id) AS latest,
    (SELECT jsonb_object_agg(n.speaker, n.name) FROM speaker_names n WHERE n.job_id = j.id AND n.version = t.version) AS names
FROM jobs j
JOIN recordings r ON r.id = j.recording_id
LEFT JOIN LATERAL (
    SELECT version, document FROM transcripts
    WHERE job_id = j.id AND version = coalesce($3, version) ORDER BY version DESC LIMIT 1
) t ON true
WHERE j.owner_id = $1 AND j.id = $2
"""

# The speakers of the latest version, and the columns that explain a missing transcript.
_SPEAKERS = """
SELECT j.state, j.error_code, j.error_message, t.version, t.version AS latest, t.speakers
FROM jobs j
LEFT JOIN LATERAL (
    SELECT version, document -> 'speakers' AS speakers FROM transcripts WHERE job_id = j.id ORDER BY version DESC LIMIT 1
) t ON true
WHERE j.owner_id = $1 AND j.id = $2
"""

_RECORDING = """
SELECT r.name, r.media_type, r.size_bytes, r.sha256, r.object_key
FROM jobs j JOIN recordings r ON r.id = j.recording_id WHERE j.owner_id = $1 AND j.id = $2
"""

# The served models and the number of live workers by stage.
_MODELS_AND_WORKERS = """
SELECT (
        SELECT jsonb_agg(description || jsonb_build_object('name', name, 'seen_at', seen_at, 'state',
            CASE WHEN seen_at > now() - make_interval(secs => $1) THEN 'ready' ELSE 'away' END) ORDER BY name)
        FROM models WHERE retired_at IS NULL
    ) AS models,
    (SELECT jsonb_object_agg(stage, alive) FROM (
        SELECT stage, count(*) AS alive FROM workers WHERE seen_at > now() - make_interval(secs => $1) GROUP BY stage
    ) counted) AS workers
"""

# For operators: what was done to dead letters, newest first.
_ACTIONS = """
SELECT a.id, a.created_at, a.user_id, u.name AS user_name, a.action, a.sequence, a.failed_at, a.stage, a.code, a.job_id
FROM operator_actions a JOIN users u ON u.id = a.user_id
WHERE a.id < coalesce($1, 9223372036854775807) ORDER BY a.id DESC LIMIT $2
"""

# For operators: unfinished jobs of all owners that have not changed for a while, with their active stages, oldest first.
_STUCK = """
SELECT j.id, j.owner_id, u.name AS owner, j.state, j.changed_at,
    extract(epoch FROM now() - j.changed_at)::float AS unchanged_s,
    coalesce((
        SELECT jsonb_agg(jsonb_build_object('stage', s.stage, 'state', s.state, 'attempt', s.attempts,
                'since', CASE s.state WHEN 'running' THEN s.started_at ELSE s.queued_at END, 'waiting_for', s.waiting_for)
            ORDER BY array_position(ARRAY['prepare', 'transcribe', 'diarize', 'assemble'], s.stage))
        FROM stages s WHERE s.job_id = j.id AND s.state IN ('queued', 'running')
    ), '[]') AS stages
FROM jobs j JOIN users u ON u.id = j.owner_id
WHERE j.finished_at IS NULL AND j.changed_at < now() - make_interval(secs => $1)
    AND (j.changed_at, j.id) > (coalesce($2, '-infinity'::timestamptz), coalesce($3, '00000000-0000-0000-0000-000000000000'::uuid))
ORDER BY j.changed_at, j.id LIMIT $4
"""


@dataclass(frozen=True, slots=True)
class Filter:
    states: Sequence[str] | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    name_contains: str | None = None


@dataclass(frozen=True, slots=True)
class JobSnapshot:
    state: str
    channel_mode: str | None


@dataclass(frozen=True, slots=True)
class Ending:
    ended: bool
    unpublished: bool


class Queries:
    """The queries. They return rows; None if the owner has no such row."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def ping(self) -> None:
        await self._pool.fetchval("SELECT 1")

    async def one(self, owner_id: UUID, job_id: UUID) -> Row | None:
        return await self._pool.fetchrow(_ONE, owner_id, job_id)

    async def batch(self, owner_id: UUID, job_ids: Sequence[UUID]) -> Sequence[Row]:
        rows: Sequence[Row] = await self._pool.fetch(_BATCH, owner_id, job_ids)
        return rows

    async def page(self, owner_id: UUID, criteria: Filter, after: Position | None, limit: int) -> Sequence[Row]:
        rows: Sequence[Row] = await self._pool.fetch(
            _PAGE,
            owner_id,
            after and after.created_at,
            after and after.id,
            criteria.created_after,
            criteria.created_before,
            criteria.states,
            criteria.name_contains,
            limit,
        )
        return rows

    async def snapshot(self, owner_id: UUID, job_id: UUID) -> JobSnapshot | None:
        row = await self._pool.fetchrow(_SNAPSHOT, owner_id, job_id)
        return JobSnapshot(**row) if row else None

    async def ending(self, job_id: UUID) -> Ending:
        row = await self._pool.fetchrow(_ENDING, job_id)
        return Ending(**row)

    async def transcript(self, owner_id: UUID, job_id: UUID, version: int | None) -> Row | None:
        return await self._pool.fetchrow(_TRANSCRIPT, owner_id, job_id, version)

    async def speakers(self, owner_id: UUID, job_id: UUID) -> Row | None:
        return await self._pool.fetchrow(_SPEAKERS, owner_id, job_id)

    async def recording(self, owner_id: UUID, job_id: UUID) -> Row | None:
        return await self._pool.fetchrow(_RECORDING, owner_id, job_id)

    async def models_and_workers(self) -> tuple[list[dict[str, Any]], dict[str, int]]:
        """The pools of speech models, and the number of live workers by stage."""
        row = await self._pool.fetchrow(_MODELS_AND_WORKERS, heartbeats.HEARTBEAT_TIMEOUT_S)
        return row["models"] or [], row["workers"] or {}

    async def now_s(self) -> float:
        """Seconds since 1970, by the clock of PostgreSQL."""
        now_s: float = await self._pool.fetchval("SELECT extract(epoch FROM now())::float")
        return now_s

    async def user_id(self, name: str) -> UUID | None:
        """For operators: the id of a user."""
        user_id: UUID | None = await self._pool.fetchval("SELECT id FROM users WHERE name = $1", name)
        return user_id

    async def actions(self, before: int | None, limit: int) -> Sequence[Row]:
        rows: Sequence[Row] = await self._pool.fetch(_ACTIONS, before, limit)
        return rows

    async def stuck(self, older_than_s: float, after: Position | None, limit: int) -> Sequence[Row]:
        rows: Sequence[Row] = await self._pool.fetch(
            _STUCK, older_than_s, after and after.created_at, after and after.id, limit
        )
        return rows
