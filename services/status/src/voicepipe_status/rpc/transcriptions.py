"""The gRPC service `Transcriptions`, but for its streams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voicepipe_api.v1 import transcriptions_pb2 as api
from voicepipe_api.v1.transcription_pb2 import Transcription
from voicepipe_wire.rpc.call import Call
from voicepipe_wire.rpc.convert import filled, values_of
from voicepipe_wire.web import idempotency

from voicepipe_status import schema
from voicepipe_status.dependencies import Dependencies
from voicepipe_status.operations import changes, speakers, transcriptions
from voicepipe_status.operations.requests import TranscriptionsRequest, validated
from voicepipe_status.operations.transcriptions import job_id_of
from voicepipe_status.schema import SpeakerLimits, SpeakerName

from .streams import Streams

# Fields whose names differ from those of REST.
_REST_NAMES: Mapping[str, str] = {"page_size": "limit", "page_token": "cursor", "states": "state"}
_RPC_NAMES = {rest: rpc for rpc, rest in _REST_NAMES.items()}


class Transcriptions(Streams):
    """Each method has the name of a method of the service; see proto/voicepipe/api/v1/transcriptions.proto."""

    def __init__(self, dependencies: Dependencies) -> None:
        super().__init__(dependencies)
        self._dependencies = dependencies

    async def get(self, call: Call, request: api.GetTranscriptionRequest) -> Transcription:
        found = await transcriptions.get(self._dependencies, call.user.id, job_id_of(request.id))
        return filled(Transcription(), found.model_dump())

    async def list(self, call: Call, request: api.ListTranscriptionsRequest) -> api.ListTranscriptionsResponse:
        values = values_of(request)
        asked: dict[str, Any] = {_REST_NAMES.get(name, name): value for name, value in values.items()}
        if "ids" in asked:
            asked["ids"] = ",".join(asked["ids"])
        page = await transcriptions.page(
            self._dependencies, call.user.id, validated(TranscriptionsRequest, asked, _RPC_NAMES)
        )
        answer = {**page.model_dump(), "next_page_token": page.next_cursor}
        return filled(api.ListTranscriptionsResponse(), answer)

    async def cancel(self, call: Call, request: api.CancelTranscriptionRequest) -> api.TranscriptionChange:
        return _change(await changes.cancel(self._dependencies, call.user.id, job_id_of(request.id)))

    async def retry(self, call: Call, request: api.RetryTranscriptionRequest) -> api.TranscriptionChange:
        return _change(await changes.retry(self._dependencies, call.user.id, job_id_of(request.id)))

    async def delete(self, call: Call, request: api.DeleteTranscriptionRequest) -> api.DeleteTranscriptionResponse:
        await changes.delete(self._dependencies, call.user.id, job_id_of(request.id))
        return api.DeleteTranscriptionResponse(took_effect=True)

    async def rename_speaker(self, call: Call, request: api.RenameSpeakerRequest) -> api.RenameSpeakerResponse:
        name = validated(SpeakerName, {"name": request.name if request.HasField("name") else None}).name
        job_id = job_id_of(request.id)
        speaker = await speakers.rename(self._dependencies, call.user.id, job_id, request.speaker, name)
        return filled(api.RenameSpeakerResponse(took_effect=True), {"speaker": speaker.model_dump()})

    async def diarize_again(self, call: Call, request: api.DiarizeAgainRequest) -> api.TranscriptionChange:
        given = values_of(request)
        job_id = job_id_of(given.pop("id", ""))
        key = idempotency.key_of(given.pop("request_id", "") or call.header(idempotency.HEADER))
        limits = validated(SpeakerLimits, given)
        return _change(await speakers.diarize_again(self._dependencies, call.user.id, job_id, limits, key))


def _change(changed: schema.Transcription) -> api.TranscriptionChange:
    return filled(api.TranscriptionChange(took_effect=True), {"transcription": changed.model_dump()})
