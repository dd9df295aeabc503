"""Read a transcript, and render it in a format."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

from voicepipe_wire.errors import Problem
from voicepipe_wire.jobs.stages import JobState
from voicepipe_wire.transcript.document import Transcript

from voicepipe_status.dependencies import Dependencies
from voicepipe_status.formats.speaker_names import apply_names, fingerprint
from voicepipe_status.formats.transcript_formats import Format, as_json, as_rttm, as_srt, as_txt, as_vtt
from voicepipe_status.serializers import error_of

RETRY_AFTER_S = 5
RENDERERS = {Format.JSON: as_json, Format.TXT: as_txt, Format.SRT: as_srt, Format.VTT: as_vtt}


@dataclass(frozen=True, slots=True)
class StoredTranscript:
    """A version of a transcript as it is stored, the name of its recording, and the names given to its speakers."""

    job_id: UUID
    version: int
    recording_name: str
    document: Any
    speaker_names: dict[str, str]

    def etag(self, transcript_format: Format) -> str:
        """Depends on the version and the names of the speakers."""
        return f'"{self.job_id}-{self.version}-{transcript_format}{fingerprint(self.speaker_names)}"'

    async def read(self) -> Transcript:
        """With the names of its speakers. In a thread: hours of words would block other clients."""
        return await asyncio.to_thread(self._transcript)

    async def render(self, transcript_format: Format) -> bytes:
        """In a format.

        Raises:
            Problem: 409 `no_speakers`, for RTTM.
        """
        if transcript_format is Format.RTTM and not self._tells_speakers_apart:
            raise Problem.of("no_speakers")
        return await asyncio.to_thread(self._render, transcript_format)

    @property
    def _tells_speakers_apart(self) -> bool:
        media = self.document.get("media") or {}
        return bool(self.document.get("diarization")) or media.get("channel_mode") == "separate"

    def _transcript(self) -> Transcript:
        return apply_names(Transcript.from_json(self.document), self.speaker_names)

    def _render(self, transcript_format: Format) -> bytes:
        transcript = self._transcript()
        if transcript_format is Format.RTTM:
            return as_rttm(transcript, PurePosixPath(self.recording_name).stem).encode()
        return RENDERERS[transcript_format](transcript).encode()


async def find(dependencies: Dependencies, owner_id: UUID, job_id: UUID, version: int | None) -> StoredTranscript:
    """The latest transcript, or the given version.

    Raises:
        Problem: 404 `not_found`; as `no_transcript` if there is none.
    """
    row = await dependencies.queries.transcript(owner_id, job_id, version)
    if row is None:
        raise Problem.of("not_found", what="transcription")
    if row["version"] is None:
        raise no_transcript(row)
    return StoredTranscript(job_id, row["version"], row["name"], row["document"], row["names"] or {})


def no_transcript(row: Any) -> Problem:
    """The problem that explains why there is no such transcript."""
    if row["latest"] is not None:
        return Problem.of("version_not_found", members={"latest": row["latest"]})
    state = {"state": row["state"]}
    if error := error_of(row):
        return Problem(409, error.code, error.message, members=state)
    if row["state"] == JobState.CANCELLED:
        return Problem.of("cancelled", members=state)
    return Problem.of("not_ready", retry_after_s=RETRY_AFTER_S, members=state)
