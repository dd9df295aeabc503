"""Events of a job: decoded from the stream EVENTS and framed as server-sent events (WHATWG HTML, 9.2)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message
from voicepipe_wire.errors import Reject
from voicepipe_wire.messaging.envelope import unpack

FINAL_TYPES: Final = frozenset({"job-completed", "job-failed", "job-cancelled", "job-deleted"})
# The first lines of every stream: clients wait 1000 ms before they reconnect.
OPENING: Final = b"retry: 1000\n\n"
HEARTBEAT: Final = b": still here\n\n"


@dataclass(frozen=True, slots=True)
class JobEvent:
    """`sequence` is its stream sequence; `frame` holds the bytes sent to clients."""

    sequence: int
    type: str
    frame: bytes

    @property
    def is_final(self) -> bool:
        return self.type in FINAL_TYPES


def read(sequence: int, subject: str, headers: Mapping[str, str] | None, payload: bytes) -> JobEvent | None:
    """The event in a message; None if its type is unknown because a newer version wrote it."""
    try:
        _, message = unpack(headers, payload)
    except Reject:
        return None
    kind = subject.rpartition(".")[2]
    data = json.dumps(as_json(message), ensure_ascii=False, separators=(",", ":"))
    return JobEvent(sequence, kind, f"id: {sequence}\nevent: {kind}\ndata: {data}\n\n".encode())


def as_json(message: Message) -> dict[str, Any]:
    """Every field under its name in the contract, defaults included.

    The messages are flat. The JSON mapping of protobuf would write 64-bit numbers as strings.
    """
    return {field.name: getattr(message, field.name) for field in message.DESCRIPTOR.fields}
