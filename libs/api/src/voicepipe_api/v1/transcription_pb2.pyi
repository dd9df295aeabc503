import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class JobState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOB_STATE_UNSPECIFIED: _ClassVar[JobState]
    JOB_STATE_UPLOADED: _ClassVar[JobState]
    JOB_STATE_QUEUED: _ClassVar[JobState]
    JOB_STATE_PREPARING: _ClassVar[JobState]
    JOB_STATE_TRANSCRIBING: _ClassVar[JobState]
    JOB_STATE_ASSEMBLING: _ClassVar[JobState]
    JOB_STATE_COMPLETED: _ClassVar[JobState]
    JOB_STATE_FAILED: _ClassVar[JobState]
    JOB_STATE_CANCELLED: _ClassVar[JobState]

class Stage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STAGE_UNSPECIFIED: _ClassVar[Stage]
    STAGE_PREPARE: _ClassVar[Stage]
    STAGE_TRANSCRIBE: _ClassVar[Stage]
    STAGE_DIARIZE: _ClassVar[Stage]
    STAGE_ASSEMBLE: _ClassVar[Stage]

class StageState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STAGE_STATE_UNSPECIFIED: _ClassVar[StageState]
    STAGE_STATE_WAITING: _ClassVar[StageState]
    STAGE_STATE_QUEUED: _ClassVar[StageState]
    STAGE_STATE_RUNNING: _ClassVar[StageState]
    STAGE_STATE_DONE: _ClassVar[StageState]
    STAGE_STATE_SKIPPED: _ClassVar[StageState]
    STAGE_STATE_FAILED: _ClassVar[StageState]
    STAGE_STATE_CANCELLED: _ClassVar[StageState]

class Task(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TASK_UNSPECIFIED: _ClassVar[Task]
    TASK_TRANSCRIBE: _ClassVar[Task]
    TASK_TRANSLATE: _ClassVar[Task]

class Priority(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRIORITY_UNSPECIFIED: _ClassVar[Priority]
    PRIORITY_STANDARD: _ClassVar[Priority]
    PRIORITY_PREMIUM: _ClassVar[Priority]
JOB_STATE_UNSPECIFIED: JobState
JOB_STATE_UPLOADED: JobState
JOB_STATE_QUEUED: JobState
JOB_STATE_PREPARING: JobState
JOB_STATE_TRANSCRIBING: JobState
JOB_STATE_ASSEMBLING: JobState
JOB_STATE_COMPLETED: JobState
JOB_STATE_FAILED: JobState
JOB_STATE_CANCELLED: JobState
STAGE_UNSPECIFIED: Stage
STAGE_PREPARE: Stage
STAGE_TRANSCRIBE: Stage
STAGE_DIARIZE: Stage
STAGE_ASSEMBLE: Stage
STAGE_STATE_UNSPECIFIED: StageState
STAGE_STATE_WAITING: StageState
STAGE_STATE_QUEUED: StageState
STAGE_STATE_RUNNING: StageState
STAGE_STATE_DONE: StageState
STAGE_STATE_SKIPPED: StageState
STAGE_STATE_FAILED: StageState
STAGE_STATE_CANCELLED: StageState
TASK_UNSPECIFIED: Task
TASK_TRANSCRIBE: Task
TASK_TRANSLATE: Task
PRIORITY_UNSPECIFIED: Priority
PRIORITY_STANDARD: Priority
PRIORITY_PREMIUM: Priority

class Transcription(_message.Message):
    __slots__ = ("id", "name", "state", "created_at", "finished_at", "duration_s", "speech_s", "size_bytes", "media_type", "options", "language", "language_probability", "stages", "queue_position", "eta_s", "transcript_version", "warnings", "error", "links", "waiting_for", "waiting_since")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    FINISHED_AT_FIELD_NUMBER: _ClassVar[int]
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    SPEECH_S_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    QUEUE_POSITION_FIELD_NUMBER: _ClassVar[int]
    ETA_S_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_VERSION_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    LINKS_FIELD_NUMBER: _ClassVar[int]
    WAITING_FOR_FIELD_NUMBER: _ClassVar[int]
    WAITING_SINCE_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    state: JobState
    created_at: _timestamp_pb2.Timestamp
    finished_at: _timestamp_pb2.Timestamp
    duration_s: float
    speech_s: float
    size_bytes: int
    media_type: str
    options: ResolvedOptions
    language: str
    language_probability: float
    stages: _containers.RepeatedCompositeFieldContainer[StageProgress]
    queue_position: int
    eta_s: float
    transcript_version: int
    warnings: _containers.RepeatedCompositeFieldContainer[Notice]
    error: Notice
    links: Links
    waiting_for: str
    waiting_since: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., state: _Optional[_Union[JobState, str]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., finished_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., duration_s: _Optional[float] = ..., speech_s: _Optional[float] = ..., size_bytes: _Optional[int] = ..., media_type: _Optional[str] = ..., options: _Optional[_Union[ResolvedOptions, _Mapping]] = ..., language: _Optional[str] = ..., language_probability: _Optional[float] = ..., stages: _Optional[_Iterable[_Union[StageProgress, _Mapping]]] = ..., queue_position: _Optional[int] = ..., eta_s: _Optional[float] = ..., transcript_version: _Optional[int] = ..., warnings: _Optional[_Iterable[_Union[Notice, _Mapping]]] = ..., error: _Optional[_Union[Notice, _Mapping]] = ..., links: _Optional[_Union[Links, _Mapping]] = ..., waiting_for: _Optional[str] = ..., waiting_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Links(_message.Message):
    __slots__ = ("self", "events", "transcript", "audio")
    SELF_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    self: str
    events: str
    transcript: str
    audio: str
    def __init__(self_, self: _Optional[str] = ..., events: _Optional[str] = ..., transcript: _Optional[str] = ..., audio: _Optional[str] = ...) -> None: ...

class Notice(_message.Message):
    __slots__ = ("code", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class StageProgress(_message.Message):
    __slots__ = ("stage", "state", "attempt", "done_s", "total_s", "started_at", "finished_at", "waiting_for", "waiting_since")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    DONE_S_FIELD_NUMBER: _ClassVar[int]
    TOTAL_S_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    FINISHED_AT_FIELD_NUMBER: _ClassVar[int]
    WAITING_FOR_FIELD_NUMBER: _ClassVar[int]
    WAITING_SINCE_FIELD_NUMBER: _ClassVar[int]
    stage: Stage
    state: StageState
    attempt: int
    done_s: float
    total_s: float
    started_at: _timestamp_pb2.Timestamp
    finished_at: _timestamp_pb2.Timestamp
    waiting_for: str
    waiting_since: _timestamp_pb2.Timestamp
    def __init__(self, stage: _Optional[_Union[Stage, str]] = ..., state: _Optional[_Union[StageState, str]] = ..., attempt: _Optional[int] = ..., done_s: _Optional[float] = ..., total_s: _Optional[float] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., finished_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., waiting_for: _Optional[str] = ..., waiting_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class TranscriptionOptions(_message.Message):
    __slots__ = ("model", "language", "task", "keyterms", "diarize", "min_speakers", "max_speakers", "priority", "fresh")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    KEYTERMS_FIELD_NUMBER: _ClassVar[int]
    DIARIZE_FIELD_NUMBER: _ClassVar[int]
    MIN_SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    MAX_SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    FRESH_FIELD_NUMBER: _ClassVar[int]
    model: str
    language: str
    task: Task
    keyterms: _containers.RepeatedScalarFieldContainer[str]
    diarize: bool
    min_speakers: int
    max_speakers: int
    priority: Priority
    fresh: bool
    def __init__(self, model: _Optional[str] = ..., language: _Optional[str] = ..., task: _Optional[_Union[Task, str]] = ..., keyterms: _Optional[_Iterable[str]] = ..., diarize: _Optional[bool] = ..., min_speakers: _Optional[int] = ..., max_speakers: _Optional[int] = ..., priority: _Optional[_Union[Priority, str]] = ..., fresh: _Optional[bool] = ...) -> None: ...

class ResolvedOptions(_message.Message):
    __slots__ = ("model", "language", "task", "keyterms", "diarize", "min_speakers", "max_speakers", "priority")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    KEYTERMS_FIELD_NUMBER: _ClassVar[int]
    DIARIZE_FIELD_NUMBER: _ClassVar[int]
    MIN_SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    MAX_SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    model: ModelReference
    language: str
    task: Task
    keyterms: _containers.RepeatedScalarFieldContainer[str]
    diarize: bool
    min_speakers: int
    max_speakers: int
    priority: Priority
    def __init__(self, model: _Optional[_Union[ModelReference, _Mapping]] = ..., language: _Optional[str] = ..., task: _Optional[_Union[Task, str]] = ..., keyterms: _Optional[_Iterable[str]] = ..., diarize: _Optional[bool] = ..., min_speakers: _Optional[int] = ..., max_speakers: _Optional[int] = ..., priority: _Optional[_Union[Priority, str]] = ...) -> None: ...

class ModelReference(_message.Message):
    __slots__ = ("name", "tier")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    name: str
    tier: str
    def __init__(self, name: _Optional[str] = ..., tier: _Optional[str] = ...) -> None: ...
