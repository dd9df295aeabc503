"""What clients are answered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from voicepipe_wire.jobs.stages import JobState, Stage, State
from voicepipe_wire.transcript.option_limits import MAX_SPEAKERS

from .formats import speaker_names

_ID = "5b0c3ad2-58a8-4f2f-8a3a-6c2f4c4f2f10"
_PATH = f"/v1/transcriptions/{_ID}"

# As docs/architecture.md has it; upload refuses what is beyond.


class Notice(BaseModel):
    """`code` is stable and listed in docs/errors.md; `message` says what happened and what to do."""

    code: str = Field(examples=["speakers_unavailable"])
    message: str = Field(examples=["Speakers were not told apart, because no diarizer is running."])


class StageProgress(BaseModel):
    """Seconds of audio that are done, of how many; `total_s` is 0 while it is not known. `attempt` counts from 1."""

    stage: Stage
    state: State
    attempt: int
    done_s: float
    total_s: float
    started_at: datetime | None
    finished_at: datetime | None


class Links(BaseModel):
    self: str = Field(examples=[_PATH])
    events: str = Field(examples=[f"{_PATH}/events"])
    transcript: str = Field(examples=[f"{_PATH}/transcript"])
    audio: str = Field(examples=[f"{_PATH}/audio"])


class Transcription(BaseModel):
    """A recording on its way to a transcript."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": _ID,
                    "name": "meeting.wav",
                    "state": "transcribing",
                    "created_at": "2026-03-01T09:00:00Z",
                    "finished_at": None,
                    "duration_s": 612.4,
                    "speech_s": 540.1,
                    "size_bytes": 19596844,
                    "media_type": "audio/wav",
                    "options": {"model": {"name": "accurate", "tier": "accurate"}, "language": "auto"},
                    "language": "en",
                    "language_probability": 0.99,
                    "stages": [
                        {
                            "stage": "transcribe",
                            "state": "running",
                            "attempt": 1,
                            "done_s": 120.0,
                            "total_s": 540.1,
                            "started_at": "2026-03-01T09:00:04Z",
                            "finished_at": None,
                        }
                    ],
                    "queue_position": None,
                    "eta_s": 14.2,
                    "transcript_version": None,
                    "warnings": [],
                    "error": None,
                    "links": {
                        "self": _PATH,
                        "events": f"{_PATH}/events",
                        "transcript": f"{_PATH}/transcript",
                        "audio": f"{_PATH}/audio",
                    },
                }
            ]
        }
    )

    id: UUID
    name: str
    state: JobState
    created_at: datetime
    finished_at: datetime | None
    duration_s: float | None = Field(description="Length of the recording; null until it was decoded")
    speech_s: float | None = Field(description="How much of it is speech")
    size_bytes: int
    media_type: str
    options: dict[str, Any] = Field(description="As resolved when the recording was accepted")
    language: str | None
    language_probability: float | None
    stages: list[StageProgress]
    queue_position: int | None = Field(
        description="How many transcriptions wait in front of it; null if it does not wait"
    )
    eta_s: float | None = Field(description="Seconds until it is done, from measured speed; null if not known")
    transcript_version: int | None = Field(description="The latest version of its transcript")
    warnings: list[Notice]
    error: Notice | None
    links: Links


class TranscriptionPage(BaseModel):
    items: list[Transcription]
    next_cursor: str | None = Field(description="For `?cursor=`; null on the last page")


class Speaker(BaseModel):
    """Somebody who speaks in a transcript."""

    id: str = Field(examples=["speaker_1"], description="In the order of their first words; of one version alone")
    name: str = Field(examples=["Chair"])
    talk_s: float = Field(examples=[71.4], description="How long they talk")
    share: float = Field(examples=[0.62], description="of all talk, in [0, 1]")
    segments: int = Field(examples=[9], description="How many segments are theirs")
    colour: str = Field(examples=["#2f7ed8"], description="One that is readable on white and on black")


class SpeakerName(BaseModel):
    """What a speaker is called from now on; null is as before anybody named them."""

    model_config = ConfigDict(extra="forbid")

    name: (
        Annotated[
            str,
            BeforeValidator(speaker_names.collapse_whitespace),
            Field(min_length=1, max_length=speaker_names.MAX_CHARACTERS),
            AfterValidator(speaker_names.check_name),
        ]
        | None
    ) = Field(description="White space in it is one space")


class SpeakerLimits(BaseModel):
    """How many people may be found; null is as many as there are."""

    model_config = ConfigDict(extra="forbid", strict=True)

    min_speakers: int | None = Field(None, ge=1, le=MAX_SPEAKERS)
    max_speakers: int | None = Field(None, ge=1, le=MAX_SPEAKERS)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min_speakers and self.max_speakers and self.min_speakers > self.max_speakers:
            raise ValueError("min_speakers must be at most max_speakers")
        return self


class Model(BaseModel):
    """A pool of speech models; what else its model says of itself stands beside."""

    model_config = ConfigDict(extra="allow")

    name: str = Field(description="of the pool", examples=["accurate"])
    seen_at: datetime


class Language(BaseModel):
    code: str = Field(examples=["en"])
    name: str = Field(examples=["English"])


class Limits(BaseModel):
    max_upload_bytes: int
    max_keyterms: int
    max_keyterm_characters: int = Field(description="of all terms together")
    max_speakers: int
    max_event_streams: int = Field(description="at once, on one replica")


class Speakers(BaseModel):
    available: bool = Field(description="Whether speakers are told apart: a diarizer was seen within 30 s")


class Capabilities(BaseModel):
    """What this installation can do now."""

    models: list[Model]
    languages: list[Language]
    tasks: list[str] = Field(examples=[["transcribe", "translate"]])
    priorities: list[str] = Field(examples=[["standard", "premium"]])
    formats: list[str] = Field(examples=[["json", "txt", "srt", "vtt", "rttm"]])
    limits: Limits
    speakers: Speakers
    workers: dict[str, int] = Field(
        description="Workers that live, by stage", examples=[{"prepare": 1, "transcribe": 2}]
    )


class DeadLetter(BaseModel):
    """A command that nobody could carry out. `payload` is the command; it names things and holds no audio and no text."""

    sequence: int = Field(examples=[17])
    stage: str = Field(examples=["transcribe"])
    subject: str = Field(examples=["work.transcribe.standard"], description="Where the command was")
    code: str = Field(examples=["internal_error"])
    error: str
    attempts: int = Field(examples=[5])
    failed_at: datetime
    command: str | None = Field(examples=["TranscribeChunk"], description="null: not understood by this version")
    job_id: str | None = Field(examples=[_ID])
    payload: dict[str, Any] | None


class DeadLetterDetail(DeadLetter):
    headers: dict[str, str] = Field(examples=[{"ce-type": "voicepipe.v1.TranscribeChunk"}])


class DeadLetterPage(BaseModel):
    items: list[DeadLetter]
    next_cursor: str | None
    total: int = Field(description="Letters of this stage, or of all")


class Redriven(BaseModel):
    accepted: int = Field(description="Letters that are put back to work by this request")
    remaining: int = Field(description="Letters that are left for another request")


class Version(BaseModel):
    service: str = Field(examples=["status"])
    version: str = Field(examples=["0.1.0"])
