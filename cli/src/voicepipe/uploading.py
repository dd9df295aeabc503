"""Resumable uploads, over any protocol.

When the connection breaks, the client asks for the offset and continues there: in this run until an outage has lasted
`Pace.retry_for_s`, in a later run with the upload id from ResumeStore.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from .errors import ApiError, UnexpectedAnswer
from .model import Options
from .pace import Outage, Pace, TransientError
from .recording import Recording
from .resume_store import ResumeStore, UploadKey
from .server import OnBytes, Sending, UploadServer

# Longer than for other requests, because a server that has just started may still be loading its models; shorter than
# for an upload in progress, because the address may be wrong.
BEGIN_RETRY_FOR_S: Final = 45.0
# How often an upload that the server has forgotten is started.
_STARTS: Final = 3
# The upload itself is fine: it can continue with the right key, or a little later.
_UPLOAD_STILL_VALID: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS})
_GONE: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
# Another connection holds the upload or has moved its offset, or this one was too slow: request the offset again.
_ASK_AGAIN: Final = frozenset({HTTPStatus.CONFLICT, HTTPStatus.LOCKED, HTTPStatus.REQUEST_TIMEOUT})

_IN_FLIGHT: Final = "idempotency_in_flight"


class Uploader:
    def __init__(self, server: UploadServer, base_url: str, pace: Pace, memory: ResumeStore) -> None:
        self._server = server
        self._base_url = base_url
        self._pace = pace
        self._memory = memory

    async def upload(self, recording: Recording, options: Options, on_bytes: OnBytes) -> str:
        """Upload the recording and return the id of its transcription.

        After ServerUnavailable or a cancellation, the next call with the same file and options resumes the upload.

        Raises:
            ApiError: the server refused the upload.
            ServerUnavailable: the server did not answer for `Pace.retry_for_s`.
            InvalidFile: the file cannot be read, or has changed.
        """
        key = UploadKey(self._base_url, recording, options.to_fields())
        current = _Current(self._memory, key)
        for start in range(_STARTS):
            sending = Sending(recording, options, on_bytes)
            try:
                transcription_id = await self._complete(sending, current)
            except ApiError as error:
                if current.upload_id is None or error.status in _UPLOAD_STILL_VALID:
                    raise
                current.forget()
                if error.status not in _GONE or start == _STARTS - 1:
                    raise
            else:
                current.forget()
                return transcription_id
        raise AssertionError  # the last start returns or raises

    async def _complete(self, sending: Sending, current: _Current) -> str:
        """Bring the upload to its end, however often the connection breaks."""
        outage = Outage(self._pace, self._base_url)
        size_bytes = sending.recording.size_bytes
        while True:
            try:
                transcription_id = await self._advance(sending, current, outage)
                if transcription_id is not None:
                    sending.on_bytes(size_bytes, size_bytes)
                    return transcription_id
                failure = TransientError("the upload is not complete yet")
            except TransientError as error:
                failure = error
            except ApiError as error:
                if current.upload_id is None or error.status not in _ASK_AGAIN:
                    raise
                failure = TransientError(error.detail)
            await outage.wait(failure)

    async def _advance(self, sending: Sending, current: _Current, outage: Outage) -> str | None:
        """Begin the upload unless it has begun, and send what the server does not have."""
        if current.upload_id is None:
            transcription_id = await self._begin(sending, current)
            if transcription_id is not None:
                return transcription_id
        upload_id, size_bytes = current.known_id(), sending.recording.size_bytes
        standing = await self._server.standing(upload_id)
        if standing.offset_bytes > size_bytes:
            raise UnexpectedAnswer(self._base_url, "the offset is beyond the end of the recording")
        if standing.offset_bytes > current.best_bytes:
            current.best_bytes = standing.offset_bytes
            outage.over()
        sending.on_bytes(standing.offset_bytes, size_bytes)
        if standing.transcription_id is None:
            standing = await self._server.send(sending, upload_id, standing.offset_bytes)
        return standing.transcription_id

    async def _begin(self, sending: Sending, current: _Current) -> str | None:
        outage = Outage(self._pace.with_retry_for(BEGIN_RETRY_FOR_S), self._base_url)
        while True:
            try:
                return await self._server.begin(sending, current.remember)
            except TransientError as error:
                if current.upload_id is not None:
                    raise  # it has begun, and continues from its offset
                failure = error
            except ApiError as error:
                if error.code != _IN_FLIGHT or current.upload_id is not None:
                    raise
                failure = TransientError(error.detail)  # the server has not noticed yet that the connection broke
            await outage.wait(failure)


class _Current:
    """The upload of this run. Its id is kept for the next run."""

    def __init__(self, memory: ResumeStore, key: UploadKey) -> None:
        self._memory = memory
        self._key = key
        self.upload_id = memory.recall(key)
        # The highest offset that the server has had.
        self.best_bytes = -1

    def known_id(self) -> str:
        """The id of the upload, which has begun."""
        assert self.upload_id is not None  # noqa: S101 - the server passes it on before anything else
        return self.upload_id

    def remember(self, upload_id: str) -> None:
        self.upload_id = upload_id
        self._memory.remember(self._key, upload_id)

    def forget(self) -> None:
        self.upload_id, self.best_bytes = None, -1
        self._memory.forget(self._key)
