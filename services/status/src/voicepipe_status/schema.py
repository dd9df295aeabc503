"""Requests and responses."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from voicepipe_wire.jobs.stages import JobState, Stage, State
from voicepipe_wire.transcript.option_limits import MAX_SPEAKERS

from .formats import speaker_names
from .media import MEDIA_EXAMPLE, Media

_ID = "5b0c3ad2-58a8-4f2f-8a3a-6c2f4c4f2f10"
_PATH = f"/v1/transcriptions/{_ID}"
_READY_IN = (
    "Seconds until a worker can begin: 0 if one is ready, otherwise what is left of a start, or all of it if none has been asked for; "
    "null if unknown"
)


class Notice(BaseModel):
    """`code` is stable and listed in docs/errors.md; `message` says what happened and what to do."""

    code: str = Field(examples=["speakers_unavailable"])
    message: str = Field(examples=["No diarizer was running, so the transcript has no speakers."])


class JobWarning(Notice):
    """A warning, and where in the recording it applies."""

    start_s: float | None = Field(
        None, examples=[64.0], description="Where it applies, in seconds; null if that is not known or makes no sense"
    )
    duration_s: float | None = Field(
        None, examples=[2.5], description="To how much of the recording it applies, in seconds"
    )


class StageProgress(BaseModel):
    """Progress in seconds of audio; `total_s` is 0 while unknown. `attempt` counts from 1."""

    stage: Stage
    state: State
    attempt: int
    done_s: float
    total_s: float
    started_at: datetime | None
    finished_at: datetime | None
    waiting_for: str | None = Field(
        description="What the stage is waiting for; null unless something that it needs is unavailable"
    )
    waiting_since: datetime | None


class Links(BaseModel):
    self: str = Field(examples=[_PATH])
    events: str = Field(examples=[f"{_PATH}/events"])
    transcript: str = Field(examples=[f"{_PATH}/transcript"])
    audio: str = Field(examples=[f"{_PATH}/audio"])


class Transcription(BaseModel):
    """A recording and the progress of its transcription."""

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
                    "options": {
                        "model": {"name": "accurate", "tier": "accurate"},
                        "language": "auto",
                        "channels": "auto",
                        "track": None,
                    },
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
                            "waiting_for": None,
                            "waiting_since": None,
                        }
                    ],
                    "waiting_for": None,
                    "waiting_since": None,
                    "queue_position": None,
                    "eta_s": 14.2,
                    "transcript_version": None,
                    "warnings": [
                        {
                            "code": "damaged_parts",
                            "message": "2.5 s of the file could not be read, first at 1:04. Words may be missing there.",
                            "start_s": 64.0,
                            "duration_s": 2.5,
                        }
                    ],
                    "error": None,
                    "media": MEDIA_EXAMPLE,
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
    duration_s: float | None = Field(description="Length of the recording; null until it is decoded")
    speech_s: float | None = Field(description="Length of the speech in it; null until it is decoded")
    size_bytes: int
    media_type: str
    options: dict[str, Any] = Field(description="As resolved at upload")
    language: str | None
    language_probability: float | None
    stages: list[StageProgress]
    waiting_for: str | None = Field(
        description="What it is waiting for, such as `speech model`, `object store`, `disk space` or `worker`; null unless something that it "
        "needs is unavailable. Nothing is lost: it continues on its own"
    )
    waiting_since: datetime | None
    queue_position: int | None = Field(
        description="Number of transcriptions ahead of it in the queue; 1000 means 1000 or more, null that it is not queued"
    )
    eta_s: float | None = Field(
        description="Estimated seconds until it is done, from measured speeds and the time that sleeping workers take to start; null if unknown"
    )
    transcript_version: int | None = Field(description="Latest version of the transcript; null if there is none")
    warnings: list[JobWarning]
    error: Notice | None
    media: Media | None = Field(
        description="What was found in the file; null until it is decoded, and of transcriptions of earlier versions"
    )
    links: Links


class TranscriptionPage(BaseModel):
    items: list[Transcription]
    next_cursor: str | None = Field(description="Cursor of the next page; null on the last page")


class Speaker(BaseModel):
    """A speaker of a transcript."""

    id: str = Field(
        examples=["speaker_1"], description="Numbered by first words; valid in this version of the transcript only"
    )
    name: str = Field(examples=["Chair"])
    talk_s: float = Field(examples=[71.4], description="Seconds of speech")
    share: float = Field(examples=[0.62], description="Fraction of all speech, in [0, 1]")
    segments: int = Field(examples=[9], description="Number of segments")
    colour: str = Field(examples=["#2f7ed8"], description="Readable on white and on black")


class SpeakerName(BaseModel):
    """The new name of a speaker; null removes the name."""

    model_config = ConfigDict(extra="forbid")

    name: (
        Annotated[
            str,
            BeforeValidator(speaker_names.collapse_whitespace),
            Field(min_length=1, max_length=speaker_names.MAX_CHARACTERS),
            AfterValidator(speaker_names.check_name),
        ]
        | None
    ) = Field(description="Whitespace is collapsed to single spaces")


class SpeakerLimits(BaseModel):
    """Limits on the number of speakers; null means no limit."""

    model_config = ConfigDict(extra="forbid", strict=True)

    min_speakers: int | None = Field(None, ge=1, le=MAX_SPEAKERS)
    max_speakers: int | None = Field(None, ge=1, le=MAX_SPEAKERS)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min_speakers and self.max_speakers and self.min_speakers > self.max_speakers:
            raise ValueError("min_speakers must be at most max_speakers")
        return self


class Model(BaseModel):
    """A pool of speech models, with further fields from the description of its model."""

    model_config = ConfigDict(extra="allow")

    name: str = Field(description="Name of the pool", examples=["accurate"])
    state: Literal["ready", "asleep", "away"] = Field(
        description="asleep: the autoscaler starts a worker when work arrives. away: no worker has been seen within 30 s, and none "
        "is known to come. The pool accepts transcriptions in every state; they wait"
    )
    ready_in_s: float | None = Field(description=_READY_IN)
    seen_at: datetime


class Language(BaseModel):
    code: str = Field(examples=["en"])
    name: str = Field(examples=["English"])


class Limits(BaseModel):
    max_upload_bytes: int
    max_keyterms: int
    max_keyterm_characters: int = Field(description="Total characters of all terms")
    max_speakers: int
    max_event_streams: int = Field(description="Open at once per owner and replica")
    max_track: int = Field(description="The highest number of a track that can be chosen")


class Speakers(BaseModel):
    available: bool = Field(description="Whether this installation has a diarizer")
    state: Literal["ready", "asleep", "away", "off"] = Field(
        description="asleep: the autoscaler starts a diarizer when work arrives. away: none has been seen within 30 s, and none is "
        "known to come; recordings wait for one. off: this installation has none"
    )
    ready_in_s: float | None = Field(description=_READY_IN)


class Capabilities(BaseModel):
    """The capabilities of this installation."""

    models: list[Model]
    languages: list[Language]
    tasks: list[str] = Field(examples=[["transcribe", "translate"]])
    priorities: list[str] = Field(examples=[["standard", "premium"]])
    channels: list[str] = Field(examples=[["auto", "mix", "separate"]], description="Values of the option `channels`")
    formats: list[str] = Field(examples=[["json", "txt", "srt", "vtt", "rttm"]])
    limits: Limits
    speakers: Speakers
    workers: dict[str, int] = Field(description="Live workers by stage", examples=[{"prepare": 1, "transcribe": 2}])


class DeadLetter(BaseModel):
    """A command that failed permanently. `payload` is the command; it holds ids and numbers, no audio and no text."""

    sequence: int = Field(examples=[17])
    stage: str = Field(examples=["transcribe"])
    subject: str = Field(examples=["work.transcribe.standard"], description="Subject of the command")
    code: str = Field(examples=["internal_error"])
    error: str
    attempts: int = Field(examples=[5])
    failed_at: datetime
    command: str | None = Field(
        examples=["TranscribeChunk"], description="Type of the command; null if this version does not know it"
    )
    job_id: UUID | None = Field(examples=[_ID])
    owner_id: UUID | None = Field(description="The user whose command it was; null if it belongs to none")
    payload: dict[str, Any] | None


class DeadLetterDetail(DeadLetter):
    headers: dict[str, str] = Field(examples=[{"ce-type": "voicepipe.v1.TranscribeChunk"}])


class DeadLetterPage(BaseModel):
    items: list[DeadLetter]
    next_cursor: str | None = Field(
        description="Cursor of the next page; null on the last page. A page may be empty and still have one: "
        "a request reads 5000 dead letters at most"
    )
    total: int | None = Field(
        description="Number of dead letters, of this stage if one is given; null with any other filter"
    )


class Redriven(BaseModel):
    accepted: int = Field(description="Dead letters redriven by this request")
    repeated: int = Field(description="Dead letters that were redriven within the last minute, and not again")
    next_cursor: str | None = Field(description="Cursor of the request for the rest; null if there is none")


class OperatorAction(BaseModel):
    """What an operator did to a dead letter."""

    created_at: datetime
    user_id: UUID
    user_name: str = Field(examples=["operator"])
    action: Literal["redrive", "discard"]
    sequence: int = Field(examples=[17], description="Stream sequence of the dead letter")
    failed_at: datetime = Field(description="When the command failed; tells dead letters with the same sequence apart")
    stage: str = Field(examples=["transcribe"])
    code: str = Field(examples=["internal_error"])
    job_id: UUID | None


class OperatorActionPage(BaseModel):
    items: list[OperatorAction]
    next_cursor: str | None = Field(description="Cursor of the next page; null on the last page")


class QueueState(BaseModel):
    """The work of one priority of a stage, or of a pool of `transcribe`. Seconds are seconds of audio unless stated."""

    stage: str = Field(examples=["transcribe"])
    pool: str | None = Field(examples=["accurate"], description="null except for transcribe")
    priority: str = Field(examples=["standard"])
    queued_s: float = Field(description="What is left of all jobs in this stage, without what is in flight")
    in_flight_s: float = Field(description="Estimated from the commands in flight")
    arriving_s: float = Field(description="Estimated for jobs that will come here and are still in `prepare`")
    waiting_commands: int
    in_flight_commands: int
    jobs: int = Field(description="Jobs in this stage")
    arriving_jobs: int = Field(description="Jobs that will come here and are still in `prepare`")
    oldest_s: float = Field(description="Seconds for which the oldest job has been in this stage; 0 without jobs")
    replicas: int | None = Field(description="Workers that the autoscaler asks for; null if none scales this pool")
    ready_replicas: int | None = Field(description="How many of them are ready; null if no autoscaler scales this pool")
    ready_in_s: float | None = Field(description=_READY_IN)


class Queues(BaseModel):
    """Every queue, as the controller last published it."""

    state: Literal["current", "old", "missing"] = Field(
        description="old: published more than 30 s ago, so no controller is running or PostgreSQL or NATS is slow. "
        "missing: nothing was ever published"
    )
    published_at: datetime | None
    age_s: float | None
    queues: list[QueueState]


class StuckStage(BaseModel):
    stage: Stage
    state: State
    attempt: int
    since: datetime | None = Field(description="When it was queued, or started if it is running")
    waiting_for: str | None = Field(description="What it is waiting for, as its worker has noted")


class StuckJob(BaseModel):
    """An unfinished job that has not changed for a while. `stages` has those that are queued or running."""

    id: UUID
    owner_id: UUID
    owner: str = Field(examples=["ann"])
    state: JobState
    changed_at: datetime
    unchanged_s: float = Field(examples=[1830.5])
    stages: list[StuckStage]


class StuckJobPage(BaseModel):
    items: list[StuckJob]
    next_cursor: str | None = Field(description="Cursor of the next page; null on the last page")


class Version(BaseModel):
    service: str = Field(examples=["status"])
    version: str = Field(examples=["0.1.0"])
