"""Events of a job: decoded from the stream EVENTS, and encoded once for all clients of a protocol.

Over SSE they are framed as WHATWG HTML, 9.2, has it; over gRPC each is a `TranscriptionEvent`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

from google.protobuf.message import Message
from voicepipe_api.v1.events_pb2 import TranscriptionEvent
from voicepipe_wire.errors import Reject
from voicepipe_wire.messaging.envelope import unpack
from voicepipe_wire.rpc.convert import filled

FINAL_TYPES: Final = frozenset({"job-completed", "job-failed", "job-cancelled", "job-deleted"})


class JobEvent:
    """`sequence` is its stream sequence, `type` the name of its message in kebab-case."""

    def __init__(self, sequence: int, event_type: str, message: Message) -> None:
        self.sequence = sequence
        self.type = event_type
        self._message = message

    @property
    def is_final(self) -> bool:
        return self.type in FINAL_TYPES

    @cached_property
    def sse_frame(self) -> bytes:
        data = json.dumps(as_json(self._message), ensure_ascii=False, separators=(",", ":"))
        return f"id: {self.sequence}\nevent: {self.type}\ndata: {data}\n\n".encode()

    @cached_property
    def rpc_message(self) -> bytes:
        """A serialized `TranscriptionEvent`."""
        event = {self.type.replace("-", "_"): as_json(self._message)}
        return filled(TranscriptionEvent(), {"sequence": self.sequence, **event}).SerializeToString()


def read(sequence: int, subject: str, headers: Mapping[str, str] | None, payload: bytes) -> JobEvent | None:
    """The event in a message; None if its type is unknown because a newer version wrote it."""
    try:
        _, message = unpack(headers, payload)
    except Reject:
        return None
    return JobEvent(sequence, subject.rpartition(".")[2], message)


def as_json(message: Message) -> dict[str, Any]:
    """Every field under its name in the contract, defaults included; an optional one that is not set is null.

    The messages are flat. The JSON mapping of protobuf would write 64-bit numbers as strings.
    """
    return {
        field.name: None if field.has_presence and not message.HasField(field.name) else getattr(message, field.name)
        for field in message.DESCRIPTOR.fields
    }
