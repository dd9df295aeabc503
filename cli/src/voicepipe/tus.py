"""Resumable upload, tus 1.0.0 (core and creation).

One PATCH streams everything that the server does not have yet. When the connection breaks, a HEAD asks for the offset
and the next PATCH continues there: in this run until an outage has lasted `Pace.retry_for_s`, in a later run with the
upload id from ResumeStore.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import httpx

from .errors import ApiError, UnexpectedAnswer
from .model import Options
from .pace import TransientError
from .recording import Recording
from .resume_store import ResumeStore, UploadKey
from .transport import Transport

UPLOADS: Final = "/v1/uploads"
_TUS: Final = {"Tus-Resumable": "1.0.0"}
# Longer than for other requests, because a server that has just started may still be loading its models; shorter than
# for an upload in progress, because the address may be wrong.
CREATE_RETRY_FOR_S: Final = 45.0
# How often an upload that the server has forgotten is started.
_STARTS: Final = 3
# The upload itself is fine: it can continue with the right key, or a little later.
_UPLOAD_STILL_VALID: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS})
_GONE: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
# Another connection holds the upload or has moved its offset: request the offset again.
_ASK_AGAIN: Final = frozenset({HTTPStatus.CONFLICT, HTTPStatus.LOCKED})

# Called with the bytes sent and the size of the recording. The first may decrease after a lost connection.
OnBytes = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class _Standing:
    """How much the server has, and the id of the transcription once it has everything."""

    offset_bytes: int
    transcription_id: str | None


class Uploader:
    def __init__(self, transport: Transport, memory: ResumeStore) -> None:
        self._transport = transport
        self._memory = memory

    async def upload(self, recording: Recording, options: Options, on_bytes: OnBytes) -> str:
        """Upload the recording and return the id of its transcription.

        After ServerUnavailable or a cancellation, the next call with the same file and options resumes the upload.

        Raises:
            ApiError: the server refused the upload.
            ServerUnavailable: the server did not answer for `Pace.retry_for_s`.
            InvalidFile: the file cannot be read, or has changed.
        """
        key = UploadKey(self._transport.base_url, recording, options.to_fields())
        upload_id = self._memory.recall(key)
        for start in range(_STARTS):
            if upload_id is None:
                upload_id = await self._create(recording, key.fields)
                self._memory.remember(key, upload_id)
            try:
                transcription_id = await self._send(upload_id, recording, on_bytes)
            except ApiError as error:
                if error.status in _UPLOAD_STILL_VALID:
                    raise
                self._memory.forget(key)
                if error.status not in _GONE or start == _STARTS - 1:
                    raise
                upload_id = None
            else:
                self._memory.forget(key)
                return transcription_id
        raise AssertionError  # the last start returns or raises

    async def _create(self, recording: Recording, fields: Mapping[str, str]) -> str:
        """Create an upload and return its id. Repeating it makes a second upload; the server expires the idle one."""
        metadata = {"filename": recording.path.name, "filetype": recording.media_type, **fields}
        headers = {**_TUS, "Upload-Length": str(recording.size_bytes), "Upload-Metadata": encoded(metadata)}
        response = await self._transport.send(
            "POST", UPLOADS, headers=headers, repeatable=True, retry_for_s=CREATE_RETRY_FOR_S
        )
        # Only the last segment is used: behind a gateway the server may not know its own address, and the key must not
        # be sent to another host.
        upload_id = httpx.URL(response.headers.get("location", "")).path.rstrip("/").rpartition("/")[2]
        if not upload_id:
            raise UnexpectedAnswer(self._transport.base_url, "a new upload has no Location")
        return upload_id

    async def _send(self, upload_id: str, recording: Recording, on_bytes: OnBytes) -> str:
        """Send what the server does not have yet, however often the connection breaks."""
        outage = self._transport.outage()
        best_bytes = -1
        while True:
            try:
                standing = await self._ask(upload_id)
                if standing.offset_bytes > recording.size_bytes:
                    raise UnexpectedAnswer(self._transport.base_url, "the offset is beyond the end of the recording")
                if standing.offset_bytes > best_bytes:
                    best_bytes = standing.offset_bytes
                    outage.over()
                on_bytes(standing.offset_bytes, recording.size_bytes)
                if standing.transcription_id is None:
                    standing = await self._patch(upload_id, recording, standing.offset_bytes, on_bytes)
                if standing.transcription_id is not None:
                    on_bytes(recording.size_bytes, recording.size_bytes)
                    return standing.transcription_id
                await outage.wait(TransientError("the upload is not complete yet"))
            except TransientError as error:
                await outage.wait(error)

    async def _ask(self, upload_id: str) -> _Standing:
        request = self._transport.request("HEAD", f"{UPLOADS}/{upload_id}", headers=_TUS)
        return self._standing(await self._transport.once(request))

    async def _patch(self, upload_id: str, recording: Recording, offset_bytes: int, on_bytes: OnBytes) -> _Standing:
        async def body() -> AsyncIterator[bytes]:
            sent_bytes = offset_bytes
            async for block in recording.blocks(offset_bytes):
                yield block
                sent_bytes += len(block)
                on_bytes(sent_bytes, recording.size_bytes)

        headers = {
            **_TUS,
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(recording.size_bytes - offset_bytes),
            "Upload-Offset": str(offset_bytes),
        }
        request = self._transport.request("PATCH", f"{UPLOADS}/{upload_id}", headers=headers, content=body())
        try:
            return self._standing(await self._transport.once(request))
        except ApiError as error:
            if error.status in _ASK_AGAIN:
                raise TransientError(error.detail) from error
            raise

    def _standing(self, response: httpx.Response) -> _Standing:
        try:
            offset_bytes = int(response.headers["upload-offset"])
        except (KeyError, ValueError):
            raise UnexpectedAnswer(self._transport.base_url, "an upload has no offset") from None
        return _Standing(offset_bytes, response.headers.get("transcription-id"))


def encoded(metadata: Mapping[str, str]) -> str:
    """The value of the Upload-Metadata header: keys, each with its value in base64."""
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in metadata.items())
