"""Uploads by tus 1.0.0 (core and creation). One PATCH streams everything that the server does not have yet."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Final

import httpx

from voicepipe.errors import UnexpectedAnswer
from voicepipe.server import Sending, Standing

from .transport import Transport

UPLOADS: Final = "/v1/uploads"
_TUS: Final = {"Tus-Resumable": "1.0.0"}


class TusUploads:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def begin(self, sending: Sending, on_id: Callable[[str], None]) -> None:
        recording = sending.recording
        metadata = {
            "filename": recording.name,
            "filetype": recording.media_type,
            **sending.options.to_fields(),
        }
        headers = {
            **_TUS,
            "Upload-Length": str(recording.size_bytes),
            "Upload-Metadata": encoded(metadata),
            "Idempotency-Key": sending.request_id,
        }
        response = await self._transport.once(self._transport.request("POST", UPLOADS, headers=headers))
        # Only the last segment is used: behind a gateway the server may not know its own address, and the key must not
        # be sent to another host.
        upload_id = httpx.URL(response.headers.get("location", "")).path.rstrip("/").rpartition("/")[2]
        if not upload_id:
            raise UnexpectedAnswer(self._transport.base_url, "a new upload has no Location")
        on_id(upload_id)

    async def standing(self, upload_id: str) -> Standing:
        request = self._transport.request("HEAD", f"{UPLOADS}/{upload_id}", headers=_TUS)
        return self._standing(await self._transport.once(request))

    async def send(self, sending: Sending, upload_id: str, offset_bytes: int) -> Standing:
        headers = {
            **_TUS,
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(sending.recording.size_bytes - offset_bytes),
            "Upload-Offset": str(offset_bytes),
        }
        body = sending.blocks(offset_bytes)
        request = self._transport.request("PATCH", f"{UPLOADS}/{upload_id}", headers=headers, content=body)
        return self._standing(await self._transport.once(request))

    def _standing(self, response: httpx.Response) -> Standing:
        try:
            offset_bytes = int(response.headers["upload-offset"])
        except (KeyError, ValueError):
            raise UnexpectedAnswer(self._transport.base_url, "an upload has no offset") from None
        return Standing(offset_bytes, response.headers.get("transcription-id"))


def encoded(metadata: Mapping[str, str]) -> str:
    """The value of the Upload-Metadata header: keys, each with its value in base64."""
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in metadata.items())
