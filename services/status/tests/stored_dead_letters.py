"""Dead letters as a worker stores them."""

from __future__ import annotations

from uuid import uuid4

from google.protobuf.message import Message
from voicepipe_wire.messaging.dead_letters import DeadLetter
from voicepipe_wire.messaging.envelope import headers_for
from voicepipe_wire.v1.commands_pb2 import TranscribeChunk

from .conftest import Pipeline

PATH = "/v1/admin/dead-letters"


async def dead_letter(
    pipeline: Pipeline,
    stage: str = "transcribe",
    *,
    job_id: object = None,
    owner_id: object = None,
    code: str = "internal_error",
    command: type[Message] = TranscribeChunk,
) -> int:
    """Store the dead letter of a command, and return its sequence."""
    message_id = uuid4()
    more = {"chunk_index": 7} if command is TranscribeChunk else {}
    message = command(job_id=str(job_id or uuid4()), owner_id=str(owner_id or uuid4()), **more)
    headers = headers_for(message, message_id, "test")
    entry = DeadLetter(
        f"work.{stage}.standard", headers, message.SerializeToString(), code, "ValueError: no\nsuch thing", 5
    )
    return await entry.publish(pipeline.jetstream)
