"""Reads messages of a stream by sequence, without a consumer: JetStream's direct get."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nats.aio.msg import Msg
from nats.js.errors import NotFoundError

from voicepipe_wire.errors import Dependency, Unavailable

from .broker import JetStream, noticing_outages

TIMEOUT_S = 2.0
# At most 18 digits, which fit into the broker's 64 bits.
_SEQUENCE = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Stored:
    sequence: int
    subject: str
    headers: Mapping[str, str]
    payload: bytes


class StreamReader:
    """Reads one stream, and drops messages of it.

    Raises:
        Unavailable: from every method, while the broker or the stream is unavailable.
    """

    def __init__(self, jetstream: JetStream, stream: str) -> None:
        self._jetstream = jetstream
        self._stream = stream

    @noticing_outages
    async def page(self, subject: str, first: int, limit: int) -> list[Stored]:
        """Up to `limit` messages of a subject (wildcards allowed), starting at sequence `first`; fewer at the end.

        One request with many replies (batch direct get, NATS 2.11).
        """
        request = {"seq": max(1, first), "next_by_subj": subject, "batch": limit}
        inbox = self._jetstream.new_inbox()
        found: list[Stored] = []
        subscription = await self._jetstream.subscribe(inbox)
        try:
            await self._jetstream.send(self._direct_get_subject, json.dumps(request).encode(), reply=inbox)
            while len(found) < limit:
                message = _read(await subscription.next_msg(TIMEOUT_S))
                if message is None:
                    break
                found.append(message)
        finally:
            await self._jetstream.unsubscribe(subscription)
        return found

    async def get(self, sequence: int) -> Stored | None:
        if sequence < 1:
            return None
        message = await self._jetstream.request(
            self._direct_get_subject, json.dumps({"seq": sequence}).encode(), timeout_s=TIMEOUT_S
        )
        return _read(message)

    async def drop(self, sequence: int) -> None:
        """Delete a message. A missing one counts as deleted."""
        await self._jetstream.drop(self._stream, sequence)

    async def last_sequence(self) -> int:
        return int((await self._info()).state.last_seq)

    async def count(self, subject: str) -> int:
        """The number of messages under a subject (wildcards allowed)."""
        subjects = (await self._info(subject)).state.subjects or {}
        return sum(subjects.values())

    @property
    def _direct_get_subject(self) -> str:
        return f"$JS.API.DIRECT.GET.{self._stream}"

    @noticing_outages
    async def _info(self, subject: str | None = None) -> Any:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await self._jetstream.stream_info(self._stream, subject)
        except NotFoundError as error:
            raise Unavailable(Dependency.BROKER, f"there is no stream {self._stream} at present") from error


def parse_sequence(text: str) -> int | None:
    """The sequence that a client sent; None if the text is not one."""
    return int(text) if _SEQUENCE.fullmatch(text) else None


def _read(message: Msg) -> Stored | None:
    """The message in a direct get's reply; None if there is none, or at the end of a batch."""
    headers = message.headers or {}
    status = headers.get("Status")
    if status in {"204", "404"}:
        return None
    if status is not None:
        raise Unavailable(Dependency.BROKER, f"the broker answered a direct get with {status}")
    return Stored(int(headers["Nats-Sequence"]), headers["Nats-Subject"], headers, message.data)
