"""The operations of a server over gRPC."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from functools import cached_property
from typing import Any, Final, TypeVar

from google.protobuf.message import Message
from voicepipe_api.v1 import admin_pb2, installation_pb2, transcriptions_pb2
from voicepipe_api.v1.admin_pb2_grpc import AdminStub
from voicepipe_api.v1.installation_pb2_grpc import InstallationStub
from voicepipe_api.v1.transcriptions_pb2_grpc import TranscriptionsStub

from voicepipe.errors import ApiError, UnexpectedAnswer
from voicepipe.model import JsonObject, TranscriptFormat
from voicepipe.server import Arrival, Listing, Page, Query

from .channel import Channel
from .documents import document_of, filled
from .events import arrival_of
from .uploads import GrpcUploads

M = TypeVar("M", bound=Message)

# Fields of requests whose names differ from those of REST.
_FIELDS: Final = {"limit": "page_size", "cursor": "page_token", "state": "states"}
_REPEATED: Final = frozenset({"states"})


class GrpcServer:
    def __init__(self, base_url: str, api_key: str) -> None:
        self.base_url = base_url
        self._channel = Channel(base_url, api_key)
        self.uploads = GrpcUploads(self._channel)

    async def aclose(self) -> None:
        await self._channel.aclose()

    async def get(self, transcription_id: str) -> JsonObject:
        request = transcriptions_pb2.GetTranscriptionRequest(id=transcription_id)
        return document_of(await self._channel.answer(self._transcriptions.Get, request))

    async def events(self, transcription_id: str, last_event_id: str | None) -> AsyncGenerator[Arrival, None]:
        values = {"id": transcription_id, "after_sequence": last_event_id}
        request = _request(transcriptions_pb2.WatchTranscriptionRequest(), values, "bad_event_id", 400)
        async with aclosing(self._channel.parts(self._transcriptions.Watch, request)) as messages:
            async for message in messages:
                yield arrival_of(message)

    async def page(self, listing: Listing, query: Query, cursor: str | None) -> Page:
        method, kind = self._listings[listing]
        values = _named({**query, "cursor": cursor})
        if listing is Listing.DEAD_LETTERS:
            values = _filtered(values)
        answer = await self._channel.answer(method, _request(kind(), values))
        return Page(tuple(map(document_of, answer.items)), answer.next_page_token or None)

    async def transcript(self, transcription_id: str, transcript_format: TranscriptFormat, version: int | None) -> str:
        values = {"id": transcription_id, "format": transcript_format, "version": version}
        request = _request(transcriptions_pb2.RenderTranscriptRequest(), values)
        async with aclosing(self._channel.parts(self._transcriptions.Render, request)) as parts:
            return b"".join([part.data async for part in parts]).decode()

    async def speakers(self, transcription_id: str) -> tuple[Any, ...]:
        request = transcriptions_pb2.GetTranscriptRequest(id=transcription_id)
        async with aclosing(self._channel.parts(self._transcriptions.GetTranscript, request)) as parts:
            async for part in parts:  # the first one has the speakers
                return tuple(map(document_of, part.header.speakers))
        raise UnexpectedAnswer(self.base_url, "a transcript has no header")

    async def cancel(self, transcription_id: str) -> JsonObject:
        request = transcriptions_pb2.CancelTranscriptionRequest(id=transcription_id)
        return await self._changed(self._transcriptions.Cancel, request)

    async def retry(self, transcription_id: str) -> JsonObject:
        request = transcriptions_pb2.RetryTranscriptionRequest(id=transcription_id)
        return await self._changed(self._transcriptions.Retry, request)

    async def delete(self, transcription_id: str) -> None:
        request = transcriptions_pb2.DeleteTranscriptionRequest(id=transcription_id)
        await self._channel.answer(self._transcriptions.Delete, request)

    async def rename_speaker(self, transcription_id: str, speaker_id: str, name: str | None) -> JsonObject | None:
        request = transcriptions_pb2.RenameSpeakerRequest(id=transcription_id, speaker=speaker_id, name=name)
        answer = await self._channel.answer(self._transcriptions.RenameSpeaker, request)
        return document_of(answer.speaker) if answer.took_effect else None

    async def diarize_again(self, transcription_id: str, limits: Mapping[str, int]) -> JsonObject:
        request = _request(transcriptions_pb2.DiarizeAgainRequest(), {"id": transcription_id, **limits})
        return await self._changed(self._transcriptions.DiarizeAgain, request)

    async def capabilities(self) -> JsonObject:
        request = installation_pb2.GetCapabilitiesRequest()
        return document_of(await self._channel.answer(self._installation.GetCapabilities, request))

    async def version(self) -> JsonObject:
        request = installation_pb2.GetVersionRequest()
        return document_of(await self._channel.answer(self._installation.GetVersion, request))

    async def dead_letter(self, sequence: int) -> JsonObject:
        request = _request(admin_pb2.GetDeadLetterRequest(), {"sequence": sequence})
        return document_of(await self._channel.answer(self._admin.GetDeadLetter, request))

    async def redrive(self, sequence: int) -> None:
        request = _request(admin_pb2.RedriveDeadLetterRequest(), {"sequence": sequence})
        await self._channel.answer(self._admin.RedriveDeadLetter, request)

    async def redrive_some(self, query: Query, cursor: str | None) -> JsonObject:
        request = _request(admin_pb2.RedriveDeadLettersRequest(), _filtered(_named({**query, "cursor": cursor})))
        answer = await self._channel.answer(self._admin.RedriveDeadLetters, request)
        return {**document_of(answer), "next_cursor": answer.next_page_token or None}

    async def discard(self, sequence: int) -> None:
        request = _request(admin_pb2.DiscardDeadLetterRequest(), {"sequence": sequence})
        await self._channel.answer(self._admin.DiscardDeadLetter, request)

    async def queues(self) -> JsonObject:
        return document_of(await self._channel.answer(self._admin.ListQueues, admin_pb2.ListQueuesRequest()))

    @cached_property
    def _transcriptions(self) -> Any:
        return TranscriptionsStub(self._channel.connection)

    @cached_property
    def _installation(self) -> Any:
        return InstallationStub(self._channel.connection)

    @cached_property
    def _admin(self) -> Any:
        return AdminStub(self._channel.connection)

    @cached_property
    def _listings(self) -> Mapping[Listing, tuple[Any, type[Message]]]:
        return {
            Listing.TRANSCRIPTIONS: (self._transcriptions.List, transcriptions_pb2.ListTranscriptionsRequest),
            Listing.DEAD_LETTERS: (self._admin.ListDeadLetters, admin_pb2.ListDeadLettersRequest),
            Listing.OPERATOR_ACTIONS: (self._admin.ListOperatorActions, admin_pb2.ListOperatorActionsRequest),
            Listing.STUCK_JOBS: (self._admin.ListStuckJobs, admin_pb2.ListStuckJobsRequest),
        }

    async def _changed(self, method: Any, request: Message) -> JsonObject:
        return document_of((await self._channel.answer(method, request)).transcription)


def _request(message: M, values: Mapping[str, Any], code: str = "invalid_request", status: int = 422) -> M:
    """The request with these values.

    Raises:
        ApiError: one of them does not fit its field. REST sends it, and the server refuses it with this error.
    """
    try:
        return filled(message, values)
    except ValueError as error:
        raise ApiError(status, code, f"The request is not valid: {error}.") from None


def _named(query: Mapping[str, str | None]) -> dict[str, Any]:
    given = {_FIELDS.get(name, name): value for name, value in query.items() if value is not None}
    return {name: [value] if name in _REPEATED else value for name, value in given.items()}


def _filtered(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a request whose filters are in a message of their own."""
    known = admin_pb2.DeadLetterFilter.DESCRIPTOR.fields_by_name
    chosen = {name: value for name, value in values.items() if name in known}
    return {name: value for name, value in values.items() if name not in known} | {"filter": chosen}
