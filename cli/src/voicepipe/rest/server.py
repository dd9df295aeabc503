"""The operations of a server over REST."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import httpx

from voicepipe.errors import UnexpectedAnswer
from voicepipe.model import JsonObject, TranscriptFormat
from voicepipe.server import Arrival, Listing, Page, Query

from .events import arrivals
from .transport import Transport
from .tus import TusUploads

TRANSCRIPTIONS: Final = "/v1/transcriptions"
ADMIN: Final = "/v1/admin"
DEAD_LETTERS: Final = f"{ADMIN}/dead-letters"
_LISTINGS: Final = {
    Listing.TRANSCRIPTIONS: TRANSCRIPTIONS,
    Listing.DEAD_LETTERS: DEAD_LETTERS,
    Listing.OPERATOR_ACTIONS: f"{ADMIN}/audit",
    Listing.STUCK_JOBS: f"{ADMIN}/stuck-jobs",
}


class RestServer:
    def __init__(self, base_url: str, api_key: str) -> None:
        self.base_url = base_url
        self._transport = Transport(base_url, api_key)
        self.uploads = TusUploads(self._transport)

    async def aclose(self) -> None:
        await self._transport.aclose()

    async def get(self, transcription_id: str) -> JsonObject:
        return await self._object("GET", _path(transcription_id))

    async def events(self, transcription_id: str, last_event_id: str | None) -> AsyncGenerator[Arrival, None]:
        async for arrival in arrivals(self._transport, f"{_path(transcription_id)}/events", last_event_id):
            yield arrival

    async def page(self, listing: Listing, query: Query, cursor: str | None) -> Page:
        answer = await self._object("GET", _LISTINGS[listing], params=_continued(query, cursor))
        items = answer.get("items")
        if not isinstance(items, list):
            raise self._unexpected()
        return Page(tuple(items), answer.get("next_cursor"))

    async def transcript(self, transcription_id: str, transcript_format: TranscriptFormat, version: int | None) -> str:
        query = {"format": transcript_format} | ({} if version is None else {"version": str(version)})
        return (await self._send("GET", f"{_path(transcription_id)}/transcript", params=query)).text

    async def speakers(self, transcription_id: str) -> tuple[Any, ...]:
        document = await self._object("GET", f"{_path(transcription_id)}/transcript", params={"format": "json"})
        return tuple(document.get("speakers") or ())

    async def cancel(self, transcription_id: str) -> JsonObject:
        return await self._object("POST", f"{_path(transcription_id)}/cancel")

    async def retry(self, transcription_id: str) -> JsonObject:
        return await self._object("POST", f"{_path(transcription_id)}/retry")

    async def delete(self, transcription_id: str) -> None:
        await self._send("DELETE", _path(transcription_id))

    async def rename_speaker(self, transcription_id: str, speaker_id: str, name: str | None) -> JsonObject | None:
        path = f"{_path(transcription_id)}/speakers/{_segment(speaker_id)}"
        response = await self._send("PATCH", path, json={"name": name})
        return None if response.status_code == HTTPStatus.ACCEPTED else self._read(response)

    async def diarize_again(self, transcription_id: str, limits: Mapping[str, int]) -> JsonObject:
        return await self._object("POST", f"{_path(transcription_id)}/diarization", json=dict(limits))

    async def capabilities(self) -> JsonObject:
        return await self._object("GET", "/v1/capabilities")

    async def version(self) -> JsonObject:
        return await self._object("GET", "/version")

    async def dead_letter(self, sequence: int) -> JsonObject:
        return await self._object("GET", f"{DEAD_LETTERS}/{sequence}")

    async def redrive(self, sequence: int) -> None:
        await self._send("POST", f"{DEAD_LETTERS}/{sequence}/redrive")

    async def redrive_some(self, query: Query, cursor: str | None) -> JsonObject:
        return await self._object("POST", f"{DEAD_LETTERS}/redrive", params=_continued(query, cursor))

    async def discard(self, sequence: int) -> None:
        await self._send("DELETE", f"{DEAD_LETTERS}/{sequence}")

    async def queues(self) -> JsonObject:
        return await self._object("GET", f"{ADMIN}/queues")

    async def _object(self, method: str, path: str, **more: Any) -> JsonObject:
        return self._read(await self._send(method, path, **more))

    async def _send(self, method: str, path: str, **more: Any) -> httpx.Response:
        return await self._transport.once(self._transport.request(method, path, **more))

    def _read(self, response: httpx.Response) -> JsonObject:
        try:
            document = response.json()
        except ValueError:
            raise self._unexpected() from None
        if not isinstance(document, Mapping):
            raise self._unexpected()
        return document

    def _unexpected(self) -> UnexpectedAnswer:
        return UnexpectedAnswer(self.base_url, "the answer lacks required fields")


def _path(transcription_id: str) -> str:
    return f"{TRANSCRIPTIONS}/{_segment(transcription_id)}"


def _segment(text: str) -> str:
    """Quote an id that a user typed, so that it stays one segment of the path."""
    return quote(text, safe="")


def _continued(query: Query, cursor: str | None) -> dict[str, str]:
    return {**query} | ({} if cursor is None else {"cursor": cursor})
