"""The repository of `speaker_names`: the names that users gave to the speakers of one version of a transcript.

A name belongs to a version, because the next one may number the same people differently. If it has the same turns, `carry_over` translates the
names. A removed name leaves no row, so the job holds the time of the last removal: a rename that is older has come too late.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from voicepipe_wire.messaging.outbox import Transaction
from voicepipe_wire.storage.database import affected

from .jobs import StoredJob, mark_name_removed


@dataclass(frozen=True, slots=True)
class SpeakerOf:
    """A speaker, such as `speaker_1`, of a version of a transcript."""

    version: int
    id: str


async def put(
    transaction: Transaction, job: StoredJob, speaker: SpeakerOf, name: str | None, *, at: datetime | None = None
) -> bool:
    """Set or remove a name of a locked job; False if the version has no such speaker. `at` is when, by default now."""
    key = (job.id, speaker.version, speaker.id)
    if name is None:
        await mark_name_removed(transaction, job, at)
        await transaction.connection.execute(
            "DELETE FROM speaker_names WHERE job_id = $1 AND version = $2 AND speaker = $3", *key
        )
        return True
    written = await transaction.connection.execute(
        """
        INSERT INTO speaker_names (job_id, owner_id, version, speaker, name, renamed_at)
        SELECT job_id, owner_id, version, $3, $4, coalesce($5, now()) FROM transcripts
        WHERE job_id = $1 AND version = $2
            AND document -> 'speakers' @> jsonb_build_array(jsonb_build_object('id', $3::text))
        ON CONFLICT (job_id, version, speaker) DO UPDATE SET name = excluded.name, renamed_at = excluded.renamed_at
        """,
        *key,
        name,
        at,
    )
    return affected(written) > 0


async def is_newer(transaction: Transaction, job: StoredJob, speaker: SpeakerOf, sent_at: datetime) -> bool:
    """Whether the speaker was named after `sent_at`, or has no name and one was removed after it."""
    newer: bool = await transaction.connection.fetchval(
        """
        SELECT coalesce(
            (SELECT renamed_at FROM speaker_names WHERE job_id = $1 AND version = $2 AND speaker = $3),
            (SELECT name_removed_at FROM jobs WHERE id = $1), '-infinity') > $4
        """,
        job.id,
        speaker.version,
        speaker.id,
        sent_at,
    )
    return newer


async def carry_over(transaction: Transaction, job: StoredJob, version: int) -> None:
    """Give the speakers of a new version the names that they have in the one before, if both have the same turns."""
    rows = await transaction.connection.fetch(
        """
        SELECT t.document -> 'turns' AS turns,
            (SELECT jsonb_object_agg(n.speaker, n.name) FROM speaker_names n
                WHERE n.job_id = t.job_id AND n.version = t.version) AS names
        FROM transcripts t WHERE t.job_id = $1 AND t.version IN ($2, $2 - 1) ORDER BY t.version
        """,
        job.id,
        version,
    )
    if len(rows) < 2 or not rows[0]["names"]:  # noqa: PLR2004 - the two versions
        return
    same = same_speakers(rows[0]["turns"] or [], rows[1]["turns"] or [])
    for before, name in rows[0]["names"].items():
        if before in same:
            await put(transaction, job, SpeakerOf(version, same[before]), name)


def same_speakers(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Each speaker of `before` with its id in `after`, by turns at the same times; empty if the turns differ. Pure."""
    same: dict[str, str] = {}
    if [_times(turn) for turn in before] != [_times(turn) for turn in after]:
        return {}
    for old, new in zip(before, after, strict=True):
        if same.setdefault(old["speaker"], new["speaker"]) != new["speaker"]:
            return {}
    return same if len(set(same.values())) == len(same) else {}


def _times(turn: Mapping[str, Any]) -> tuple[float, float]:
    return turn["start_s"], turn["end_s"]
