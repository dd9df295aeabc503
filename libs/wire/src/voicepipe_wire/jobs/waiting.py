"""What a stage waits for while a dependency is away. Its next change of state, or progress, clears it (`jobs`)."""

from __future__ import annotations

from google.protobuf.message import Message

from voicepipe_wire.errors import Unavailable
from voicepipe_wire.messaging.envelope import job_id_of
from voicepipe_wire.messaging.patience import OnWaiting
from voicepipe_wire.storage.database import Pool


def noting_in(pool: Pool) -> OnWaiting:
    """A function that notes which dependency the stage of a command waits for, and since when. A stage that has ended waits for none."""

    async def note(stage: str, command: Message, away: Unavailable) -> None:
        await pool.execute(
            """
            UPDATE stages SET waiting_for = $3,
                waiting_since = CASE WHEN waiting_for = $3 THEN waiting_since ELSE now() END
            WHERE job_id = $1 AND stage = $2 AND state IN ('queued', 'running') AND waiting_for IS DISTINCT FROM $3
            """,
            job_id_of(command),
            stage,
            str(away.dependency),
        )

    return note
