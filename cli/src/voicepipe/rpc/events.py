"""Messages of a stream of events. Pure."""

from __future__ import annotations

from typing import Final

from voicepipe_api.v1.events_pb2 import TranscriptionEvent

from voicepipe.events import Event
from voicepipe.server import Arrival

from .documents import document_of

_HEARTBEAT: Final = "heartbeat"


def arrival_of(message: TranscriptionEvent) -> Arrival:
    kind = message.WhichOneof("event")
    if kind == _HEARTBEAT:
        return Arrival()
    if kind is None:  # of a type that this version does not know
        return Arrival(last_event_id=str(message.sequence))
    document = document_of(getattr(message, kind))
    event = Event.from_json(str(message.sequence), kind.replace("_", "-"), document)
    return Arrival(event, event.id)
