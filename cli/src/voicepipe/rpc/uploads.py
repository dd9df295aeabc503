"""Uploads as one stream of requests: a header, chunks, a trailer.

The server answers the header with the id of the upload, before the first chunk. A stream that breaks is continued by another one
with that id and the offset that the server has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from functools import cached_property
from typing import Any, Final

from voicepipe_api.v1 import uploads_pb2 as api
from voicepipe_api.v1.transcription_pb2 import TranscriptionOptions
from voicepipe_api.v1.uploads_pb2_grpc import UploadsStub

from voicepipe.errors import ApiError, UnexpectedAnswer
from voicepipe.model import Options
from voicepipe.server import Sending, Standing

from .channel import Channel
from .documents import filled
from .failures import SILENCE_S

_UPLOAD_ID: Final = "upload-id"


class GrpcUploads:
    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def begin(self, sending: Sending, on_id: Callable[[str], None]) -> str:
        recording = sending.recording
        header = api.CreateHeader(
            name=recording.name,
            media_type=recording.media_type,
            options=_options(sending.options),
            size_bytes=recording.size_bytes,
            request_id=sending.request_id,
        )
        return await self._create(header, sending, on_id)

    async def standing(self, upload_id: str) -> Standing:
        found = await self._channel.answer(self._stub.Get, api.GetUploadRequest(upload_id=upload_id))
        return Standing(found.offset_bytes, found.transcription_id if found.HasField("transcription_id") else None)

    async def send(self, sending: Sending, upload_id: str, offset_bytes: int) -> Standing:
        size_bytes = sending.recording.size_bytes
        header = api.CreateHeader(upload_id=upload_id, offset_bytes=offset_bytes, size_bytes=size_bytes)
        return Standing(size_bytes, await self._create(header, sending, lambda _: None))

    @cached_property
    def _stub(self) -> Any:
        return UploadsStub(self._channel.connection)

    async def _create(self, header: api.CreateHeader, sending: Sending, on_id: Callable[[str], None]) -> str:
        """Send the recording from the offset of the header on, and return the id of its transcription."""
        call = self._stub.Create(metadata=self._channel.metadata)
        try:
            if await self._write(call, header=header):
                on_id(await self._upload_id(call))
                await self._send_rest(call, sending, header.offset_bytes)
            async with self._channel.named_errors(), asyncio.timeout(SILENCE_S):
                return str((await call).transcription.id)
        finally:
            call.cancel()

    async def _upload_id(self, call: Any) -> str:
        async with self._channel.named_errors(), asyncio.timeout(SILENCE_S):
            metadata = dict(await call.initial_metadata() or ())
            if _UPLOAD_ID not in metadata:
                # A refusal has no initial metadata, and its status is the answer.
                await call
                raise UnexpectedAnswer(self._channel.base_url, "a new upload has no id")
        return str(metadata[_UPLOAD_ID])

    async def _send_rest(self, call: Any, sending: Sending, offset_bytes: int) -> None:
        async with aclosing(sending.blocks(offset_bytes)) as blocks:
            async for block in blocks:
                sending.digest.add(offset_bytes, block)
                offset_bytes += len(block)
                if not await self._write(call, chunk=block):
                    return
        trailer = api.CreateTrailer(sha256=sending.digest.of(sending.recording.size_bytes) or b"")
        if await self._write(call, trailer=trailer):
            await call.done_writing()

    async def _write(self, call: Any, **part: Any) -> bool:
        """Whether the server still takes parts; if not, its answer is there."""
        try:
            async with self._channel.named_errors(), asyncio.timeout(SILENCE_S):
                await call.write(api.CreateTranscriptionRequest(**part))
        except asyncio.InvalidStateError:
            return False
        return True


def _options(options: Options) -> TranscriptionOptions:
    values = {
        "model": options.model,
        "language": options.language,
        "task": options.task,
        "keyterms": options.keyterms,
        "diarize": options.diarize,
        "min_speakers": options.min_speakers,
        "max_speakers": options.max_speakers,
        "priority": options.priority,
        "fresh": options.fresh,
        "channels": options.channels,
        "track": options.track,
    }
    try:
        return filled(TranscriptionOptions(), values)
    except ValueError as error:
        raise ApiError(422, "invalid_option", f"Option {error}.") from None
