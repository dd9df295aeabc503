"""Messages on the wire: a protobuf payload with CloudEvents 1.0 headers (NATS protocol binding, binary mode)."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from google.protobuf.message import DecodeError, Message
from opentelemetry.propagate import inject

from voicepipe_wire.errors import Reject
from voicepipe_wire.v1 import commands_pb2, events_pb2

MSG_ID = "Nats-Msg-Id"
TYPE_PREFIX = "voicepipe.v1."

TYPES: Mapping[str, type[Message]] = {
    TYPE_PREFIX + name: getattr(module, name)
    for module in (commands_pb2, events_pb2)
    for name in module.DESCRIPTOR.message_types_by_name
}


@dataclass(frozen=True, slots=True)
class Envelope:
    id: UUID
    type: str
    source: str
    time: datetime
    traceparent: str | None


_HANDLED: ContextVar[Envelope] = ContextVar("handled")


def handle(envelope: Envelope) -> None:
    """Let `sent_at` tell the time of this message, in this task and those that it starts."""
    _HANDLED.set(envelope)


def sent_at() -> datetime:
    """When the command that is being handled was written, by the clock of its sender."""
    return _HANDLED.get().time


def headers_for(message: Message, message_id: UUID, source: str) -> dict[str, str]:
    """Headers of a new message, with the time and trace of now. `source` is the service, such as `upload`."""
    headers = {
        **renumbered({}, message_id),
        "ce-specversion": "1.0",
        "ce-type": TYPE_PREFIX + message.DESCRIPTOR.name,
        "ce-source": f"/voicepipe/{source}",
        "ce-time": datetime.now(UTC).isoformat(),
        "content-type": "application/protobuf",
    }
    inject(headers)
    return headers


def renumbered(headers: Mapping[str, str], message_id: UUID) -> dict[str, str]:
    """Headers of the same message under another id."""
    return {**headers, MSG_ID: str(message_id), "ce-id": str(message_id)}


def unpack(headers: Mapping[str, str] | None, payload: bytes) -> tuple[Envelope, Message]:
    """Decode a message and its headers.

    Raises:
        Reject: `bad_message`; the message is malformed or of an unknown type.
    """
    try:
        headers = headers or {}
        envelope = Envelope(
            id=UUID(headers["ce-id"]),
            type=headers["ce-type"],
            source=headers["ce-source"],
            time=datetime.fromisoformat(headers["ce-time"]),
            traceparent=headers.get("traceparent"),
        )
        message = TYPES[envelope.type]()
        message.ParseFromString(payload)
    except (KeyError, ValueError, DecodeError) as error:
        raise Reject.of("bad_message", reason=repr(error)) from error
    return envelope, message


def job_id_of(command: Message) -> UUID:
    """The job of a stage's command."""
    return UUID(getattr(command, "job_id"))  # noqa: B009 - every command has one, and the stubs have no common type
