"""The streams of the gRPC service `Transcriptions`: events, transcripts and recordings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Final, TypeVar

import structlog
from voicepipe_api.v1 import transcriptions_pb2 as api
from voicepipe_api.v1.events_pb2 import TranscriptionEvent
from voicepipe_api.v1.transcript_pb2 import TranscriptPart
from voicepipe_wire import aio
from voicepipe_wire.errors import Problem
from voicepipe_wire.rpc.call import Call
from voicepipe_wire.rpc.convert import filled, text_of
from voicepipe_wire.storage.objects import ObjectMissing

from voicepipe_status import metrics
from voicepipe_status.dependencies import Dependencies
from voicepipe_status.events.feed import Beat
from voicepipe_status.events.hub import Listener
from voicepipe_status.events.job_events import JobEvent
from voicepipe_status.formats.transcript_formats import Format
from voicepipe_status.http.disposition import with_suffix
from voicepipe_status.operations import transcripts
from voicepipe_status.operations.following import follow
from voicepipe_status.operations.requests import TranscriptRequest, validated
from voicepipe_status.operations.transcriptions import job_id_of
from voicepipe_status.playing import Player

log = structlog.get_logger(__name__)

# Small against the 4 MiB that a message may have.
BLOCK_BYTES: Final = 256 * 1024
WORDS_IN_A_PART: Final = 2000
TURNS_IN_A_PART: Final = 5000

_HEARTBEAT: Final = filled(TranscriptionEvent(), {"heartbeat": {}}).SerializeToString()
_Item = TypeVar("_Item")


class Streams:
    def __init__(self, dependencies: Dependencies) -> None:
        self._dependencies = dependencies

    async def watch(self, call: Call, request: api.WatchTranscriptionRequest) -> AsyncIterator[bytes]:
        """Serialized events.

        A client whose replica stops gets an error, and one that is too slow is cut off: both continue after their last sequence.
        """
        after = request.after_sequence if request.HasField("after_sequence") else None
        async with (
            follow(self._dependencies, call.user.id, job_id_of(request.id), after) as (feed, listener),
            aio.background(_cut_off_when_too_slow(listener, call, request.id)),
        ):
            async for item in feed.items():
                match item:
                    case JobEvent():
                        yield item.rpc_message
                    case Beat.HEARTBEAT:
                        yield _HEARTBEAT
                    case Beat.CLOSED:
                        raise Problem.of("unavailable", retry_after_s=1)

    async def get_transcript(self, call: Call, request: api.GetTranscriptRequest) -> AsyncIterator[TranscriptPart]:
        found = await self._find(call, request)
        document = (await found.read()).to_json()
        yield filled(TranscriptPart(), {"header": document})
        for segments in _by_words(document["segments"]):
            yield filled(TranscriptPart(), {"segments": {"segments": segments}})
            await asyncio.sleep(0)  # hours of words would block other clients
        for turns in _batches(document["turns"], TURNS_IN_A_PART):
            yield filled(TranscriptPart(), {"turns": {"turns": turns}})

    async def render(self, call: Call, request: api.RenderTranscriptRequest) -> AsyncIterator[api.RenderedPart]:
        chosen = text_of(api.TranscriptFormat.DESCRIPTOR, request.format)
        if chosen not in set(Format):
            raise Problem.of("format_unknown")
        found = await self._find(call, request)
        text = await found.render(Format(chosen))
        name = with_suffix(found.recording_name, chosen)
        yield api.RenderedPart(header=api.RenderedHeader(media_type=Format(chosen).media_type, file_name=name))
        for start in range(0, len(text), BLOCK_BYTES):
            yield api.RenderedPart(data=text[start : start + BLOCK_BYTES])

    async def get_audio(self, call: Call, request: api.GetAudioRequest) -> AsyncIterator[api.AudioPart]:
        recording = await self._dependencies.queries.recording(call.user.id, job_id_of(request.id))
        if recording is None:
            raise Problem.of("not_found", what="transcription")
        start, end = _range(request, recording["size_bytes"])
        try:
            async with (
                self._dependencies.players.play(call.user.id, recording["object_key"], start, end) as player,
                aio.background(_cut_off_when_stalled(player, call)),
            ):
                yield filled(api.AudioPart(), {"header": dict(recording)})
                async for piece in player.pieces():
                    yield api.AudioPart(data=piece)
        except ObjectMissing:
            raise Problem.of("audio_gone") from None

    async def _find(
        self, call: Call, request: api.GetTranscriptRequest | api.RenderTranscriptRequest
    ) -> transcripts.StoredTranscript:
        given = {"version": request.version} if request.HasField("version") else {}
        version = validated(TranscriptRequest, given).version
        return await transcripts.find(self._dependencies, call.user.id, job_id_of(request.id), version)


async def _cut_off_when_too_slow(listener: Listener, call: Call, job_id: str) -> None:
    await listener.dropped.wait()
    metrics.DROPPED.inc()
    log.warning("event stream closed, client too slow", job=job_id)
    call.interrupt(Problem.of("unavailable", retry_after_s=1))


async def _cut_off_when_stalled(player: Player, call: Call) -> None:
    await player.stalled.wait()
    log.info("player takes nothing, recording cut off")
    call.interrupt(Problem.of("unavailable", retry_after_s=1))


def _range(request: api.GetAudioRequest, size_bytes: int) -> tuple[int, int]:
    """The range [start, end) in bytes.

    Raises:
        Problem: 416 `range_unsatisfiable`.
    """
    start, length = request.offset_bytes, request.length_bytes
    if not 0 <= start < size_bytes or length < 0:
        raise Problem.of("range_unsatisfiable", members={"size_bytes": size_bytes})
    return start, min(start + length, size_bytes) if length else size_bytes


def _by_words(segments: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The segments in batches of about `WORDS_IN_A_PART` words."""
    batch: list[dict[str, Any]] = []
    words = 0
    for segment in segments:
        batch.append(segment)
        words += len(segment["words"])
        if words >= WORDS_IN_A_PART:
            yield batch
            batch, words = [], 0
    if batch:
        yield batch


def _batches(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
