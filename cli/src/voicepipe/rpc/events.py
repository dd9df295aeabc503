"""One stream of the events of a transcription."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from voicepipe_api.v1.events_pb2 import TranscriptionEvent

from voicepipe.events import Event
from voicepipe.server import Arrival

from .documents import document_of

_HEARTBEAT = "heartbeat"


async def arrivals(messages: AsyncIterator[TranscriptionEvent]) -> AsyncGenerator[Arrival, None]:
    async for message in messages:
        kind = message.WhichOneof("event")
        if kind == _HEARTBEAT:
            yield Arrival()
        elif kind is None:  # of a type that this version does not know
            yield Arrival(last_event_id=str(message.sequence))
        else:
            document = document_of(getattr(message, kind))
            event = Event.from_json(str(message.sequence), kind.replace("_", "-"), document)
            yield Arrival(event, event.id)
