"""JetStream in memory, as far as the outbox, the sweeper and the dead letters use it. Every call can be interrupted before and after its effect."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field

from voicepipe_wire.errors import Dependency, Unavailable
from voicepipe_wire.messaging.envelope import MSG_ID
from voicepipe_wire.messaging.subjects import DLQ, EVENTS, WORK

STREAM_OF = {"work": WORK, "events": EVENTS, "dlq": DLQ}


@dataclass
class Stored:
    """A message. The names are those of nats-py's RawStreamMsg."""

    seq: int
    subject: str
    headers: dict[str, str]
    data: bytes
    deliveries: int = 0
    in_flight: int = 0


@dataclass
class MemoryBroker:
    """`faults` are the outcomes of the next publishes: "refused" or "stored, not acknowledged"."""

    streams: dict[str, dict[int, Stored]] = field(default_factory=lambda: {name: {} for name in STREAM_OF.values()})
    faults: list[str] = field(default_factory=list)
    _sequences: itertools.count = field(default_factory=lambda: itertools.count(1))
    _known: dict[tuple[str, str], int] = field(default_factory=dict)

    async def publish(self, subject: str, payload: bytes, headers: dict[str, str]) -> int:
        await asyncio.sleep(0)
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "refused":
            raise Unavailable(Dependency.BROKER, "it is away")
        stream = STREAM_OF[subject.partition(".")[0]]
        key = (stream, headers[MSG_ID])
        if key not in self._known:
            self._known[key] = sequence = next(self._sequences)
            self.streams[stream][sequence] = Stored(sequence, subject, dict(headers), payload)
        await asyncio.sleep(0)
        if fault:
            raise Unavailable(Dependency.BROKER, "the acknowledgement was lost")
        return self._known[key]

    async def send(self, *_progress: object, **_headers: object) -> None:
        """Progress, which nobody here reads."""
        await asyncio.sleep(0)

    async def find(self, stream: str, sequence: int) -> Stored | None:
        await asyncio.sleep(0)
        return self.streams[stream].get(sequence)

    async def drop(self, stream: str, sequence: int) -> None:
        await asyncio.sleep(0)
        self.streams[stream].pop(sequence, None)
        await asyncio.sleep(0)

    async def purge(self, stream: str, subject: str) -> None:
        await asyncio.sleep(0)
        prefix = subject.removesuffix(">")
        kept = {key: each for key, each in self.streams[stream].items() if not each.subject.startswith(prefix)}
        self.streams[stream] = kept
        await asyncio.sleep(0)

    async def ack(self, sequence: int) -> None:
        await self.drop(WORK, sequence)

    def lose(self, stream: str) -> None:
        """The stream is deleted and created again, with its memory of message ids."""
        self.streams[stream] = {}
        self._known = {key: sequence for key, sequence in self._known.items() if key[0] != stream}
