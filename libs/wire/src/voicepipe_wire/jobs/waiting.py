"""What a stage waits for while a dependency is away. Its next change of state, or progress, clears it (`jobs`)."""

from __future__ import annotations

from google.protobuf.message import Message

from voicepipe_wire.errors import Unavailable
from voicepipe_wire.messaging.envelope import job_id_of
from voicepipe_wire.messaging.patience import OnWaiting
from voicepipe_wire.storage.database import Pool

from . import jobs


def noting_in(pool: Pool) -> OnWaiting:
    """A function that notes which dependency the stage of a command waits for, and since when. A stage that has ended waits for none."""

    async def note(stage: str, command: Message, away: Unavailable) -> None:
        if hasattr(command, "job_id"):  # a command about a dead letter belongs to no stage
            await jobs.note_wait(pool, job_id_of(command), stage, away.dependency)

    return note
