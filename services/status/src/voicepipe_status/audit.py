"""Writes `operator_actions`: who redrove or discarded which dead letter, and when.

The same action on the same dead letter within `REPEATED_WITHIN_S` is one click too many: it gets no row and no command.
Afterwards it is allowed again, because the command may have been lost with its stream. A second command is harmless: the
controller finds no entry, and does nothing.

Race: two requests at once. The second waits for the lock until the first has committed, and then sees its rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from uuid import UUID

from voicepipe_wire.storage.database import Connection

from .entries import Entry

REPEATED_WITHIN_S = 60.0
# An arbitrary number; no other user of the database may lock it.
LOCK = 0x6175646974

_RECORD = """
INSERT INTO operator_actions (user_id, action, sequence, failed_at, stage, code, job_id)
SELECT $1, $2, e.sequence, e.failed_at, e.stage, e.code, e.job_id
FROM unnest($3::bigint[], $4::timestamptz[], $5::text[], $6::text[], $7::uuid[]) e (sequence, failed_at, stage, code, job_id)
WHERE NOT EXISTS (
    SELECT FROM operator_actions a WHERE a.sequence = e.sequence AND a.failed_at = e.failed_at AND a.action = $2
        AND a.created_at > now() - make_interval(secs => $8))
ORDER BY e.sequence
RETURNING sequence
"""


class Action(StrEnum):
    REDRIVE = "redrive"
    DISCARD = "discard"


async def record(connection: Connection, user_id: UUID, action: Action, found: Sequence[Entry]) -> list[int]:
    """Write a row for each entry, and return the sequences of those that got one. Needs an open transaction."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
    rows = await connection.fetch(
        _RECORD,
        user_id,
        str(action),
        [entry.sequence for entry in found],
        [entry.failed_at for entry in found],
        [entry.stage for entry in found],
        [entry.code for entry in found],
        [entry.job_id for entry in found],
        REPEATED_WITHIN_S,
    )
    return sorted(row["sequence"] for row in rows)
