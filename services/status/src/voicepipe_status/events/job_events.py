"""An event of a job, as it lies in stream EVENTS and as a client gets it (WHATWG HTML, 9.2: server-sent events)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message
from voicepipe_wire.errors import Reject
from voicepipe_wire.messaging.envelope import unpack

FINAL_TYPES: Final = frozenset({"job-completed", "job-failed", "job-cancelled", "job-deleted"})
# The first lines of every stream: how long a client waits before it comes back.
OPENING: Final = b"retry: 1000\n\n"
HEARTBEAT: Final = b": still here\n\n"


@dataclass(frozen=True, slots=True)
class JobEvent:
    """`sequence` is its place in the stream; `frame` are the bytes that a client is sent."""

    sequence: int
    type: str
    frame: bytes

    @property
    def is_final(self) -> bool:
        return self.type in FINAL_TYPES


def read(sequence: int, subject: str, headers: Mapping[str, str] | None, payload: bytes) -> JobEvent | None:
    """The event in a message; None where a newer version wrote what this one does not know."""
    try:
        _, message = unpack(headers, payload)
    except Reject:
        return None
    kind = subject.rpartition(".")[2]
    data = json.dumps(as_json(message), ensure_ascii=False, separators=(",", ":"))
    return JobEvent(sequence, kind, f"id: {sequence}\nevent: {kind}\ndata: {data}\n\n".encode())


def as_json(message: Message) -> dict[str, Any]:
    """Every field under the name that the contract gives it, defaults included.

    The contract's messages are flat. protobuf's own JSON would write 64-bit numbers as strings.
    """
    return {field.name: getattr(message, field.name) for field in message.DESCRIPTOR.fields}
