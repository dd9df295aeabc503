"""Writes `operator_actions`: who redrove or discarded which dead letter, and when, in the transaction that does it.

The same action on the same dead letter within `REPEATED_WITHIN_S` is one click too many: it gets no row and does nothing. Afterwards it is allowed
again: the entry may have come back with a stream that was restored.

Race: two requests at once. The second waits for the lock of that entry until the first has committed, and then sees its row.
"""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from voicepipe_wire.storage.database import Connection, affected

from .entries import Entry

REPEATED_WITHIN_S = 60.0
# An arbitrary number; no other user of the database may lock it.
LOCK = 0x61756474

_RECORD = """
INSERT INTO operator_actions (user_id, action, sequence, failed_at, stage, code, job_id)
SELECT $1, $2::text, $3::bigint, $4::timestamptz, $5, $6, $7
WHERE NOT EXISTS (
    SELECT FROM operator_actions a WHERE a.sequence = $3 AND a.failed_at = $4 AND a.action = $2
        AND a.created_at > now() - make_interval(secs => $8))
"""


class Action(StrEnum):
    REDRIVE = "redrive"
    DISCARD = "discard"


async def record(connection: Connection, user_id: UUID, action: Action, entry: Entry) -> bool:
    """Write a row for the action; False if it is a repetition. Needs an open transaction, and locks the entry until its end."""
    await connection.execute("SELECT pg_advisory_xact_lock($1, ($2::bigint % 2147483647)::int)", LOCK, entry.sequence)
    written = await connection.execute(
        _RECORD,
        user_id,
        str(action),
        entry.sequence,
        entry.failed_at,
        entry.stage,
        entry.code,
        entry.job_id,
        REPEATED_WITHIN_S,
    )
    return affected(written) > 0
