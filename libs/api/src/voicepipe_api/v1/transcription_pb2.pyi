import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ChannelMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHANNEL_MODE_UNSPECIFIED: _ClassVar[ChannelMode]
    CHANNEL_MODE_MIX: _ClassVar[ChannelMode]
    CHANNEL_MODE_SEPARATE: _ClassVar[ChannelMode]

class ChannelReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHANNEL_REASON_UNSPECIFIED: _ClassVar[ChannelReason]
    CHANNEL_REASON_REQUESTED: _ClassVar[ChannelReason]
    CHANNEL_REASON_ONE_CHANNEL: _ClassVar[ChannelReason]
    CHANNEL_REASON_INDEPENDENT: _ClassVar[ChannelReason]
    CHANNEL_REASON_RELATED: _ClassVar[ChannelReason]
    CHANNEL_REASON_SEVERAL: _ClassVar[ChannelReason]

class TrackState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRACK_STATE_UNSPECIFIED: _ClassVar[TrackState]
    TRACK_STATE_HEARD: _ClassVar[TrackState]
    TRACK_STATE_SILENT: _ClassVar[TrackState]
    TRACK_STATE_UNDECODABLE: _ClassVar[TrackState]
    TRACK_STATE_UNUSED: _ClassVar[TrackState]

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

class Channels(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHANNELS_UNSPECIFIED: _ClassVar[Channels]
    CHANNELS_AUTO: _ClassVar[Channels]
    CHANNELS_MIX: _ClassVar[Channels]
    CHANNELS_SEPARATE: _ClassVar[Channels]
CHANNEL_MODE_UNSPECIFIED: ChannelMode
CHANNEL_MODE_MIX: ChannelMode
CHANNEL_MODE_SEPARATE: ChannelMode
CHANNEL_REASON_UNSPECIFIED: ChannelReason
CHANNEL_REASON_REQUESTED: ChannelReason
CHANNEL_REASON_ONE_CHANNEL: ChannelReason
CHANNEL_REASON_INDEPENDENT: ChannelReason
CHANNEL_REASON_RELATED: ChannelReason
CHANNEL_REASON_SEVERAL: ChannelReason
TRACK_STATE_UNSPECIFIED: TrackState
TRACK_STATE_HEARD: TrackState
TRACK_STATE_SILENT: TrackState
TRACK_STATE_UNDECODABLE: TrackState
TRACK_STATE_UNUSED: TrackState
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
CHANNELS_UNSPECIFIED: Channels
CHANNELS_AUTO: Channels
CHANNELS_MIX: Channels
CHANNELS_SEPARATE: Channels

class Transcription(_message.Message):
    __slots__ = ("id", "name", "state", "created_at", "finished_at", "duration_s", "speech_s", "size_bytes", "media_type", "options", "language", "language_probability", "stages", "queue_position", "eta_s", "transcript_version", "warnings", "error", "links", "waiting_for", "waiting_since", "media")
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
    MEDIA_FIELD_NUMBER: _ClassVar[int]
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
    media: Media
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., state: _Optional[_Union[JobState, str]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., finished_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., duration_s: _Optional[float] = ..., speech_s: _Optional[float] = ..., size_bytes: _Optional[int] = ..., media_type: _Optional[str] = ..., options: _Optional[_Union[ResolvedOptions, _Mapping]] = ..., language: _Optional[str] = ..., language_probability: _Optional[float] = ..., stages: _Optional[_Iterable[_Union[StageProgress, _Mapping]]] = ..., queue_position: _Optional[int] = ..., eta_s: _Optional[float] = ..., transcript_version: _Optional[int] = ..., warnings: _Optional[_Iterable[_Union[Notice, _Mapping]]] = ..., error: _Optional[_Union[Notice, _Mapping]] = ..., links: _Optional[_Union[Links, _Mapping]] = ..., waiting_for: _Optional[str] = ..., waiting_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., media: _Optional[_Union[Media, _Mapping]] = ...) -> None: ...

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
    __slots__ = ("code", "message", "start_s", "duration_s")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    START_S_FIELD_NUMBER: _ClassVar[int]
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    start_s: float
    duration_s: float
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ..., start_s: _Optional[float] = ..., duration_s: _Optional[float] = ...) -> None: ...

class Media(_message.Message):
    __slots__ = ("container", "codec", "sample_rate_hz", "channels", "channel_mode", "channel_reason", "track", "tracks", "decoded_duration_s", "stated_duration_s", "recordings", "inverted_channels")
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_MODE_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_REASON_FIELD_NUMBER: _ClassVar[int]
    TRACK_FIELD_NUMBER: _ClassVar[int]
    TRACKS_FIELD_NUMBER: _ClassVar[int]
    DECODED_DURATION_S_FIELD_NUMBER: _ClassVar[int]
    STATED_DURATION_S_FIELD_NUMBER: _ClassVar[int]
    RECORDINGS_FIELD_NUMBER: _ClassVar[int]
    INVERTED_CHANNELS_FIELD_NUMBER: _ClassVar[int]
    container: str
    codec: str
    sample_rate_hz: int
    channels: int
    channel_mode: ChannelMode
    channel_reason: ChannelReason
    track: int
    tracks: _containers.RepeatedCompositeFieldContainer[AudioTrack]
    decoded_duration_s: float
    stated_duration_s: float
    recordings: int
    inverted_channels: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, container: _Optional[str] = ..., codec: _Optional[str] = ..., sample_rate_hz: _Optional[int] = ..., channels: _Optional[int] = ..., channel_mode: _Optional[_Union[ChannelMode, str]] = ..., channel_reason: _Optional[_Union[ChannelReason, str]] = ..., track: _Optional[int] = ..., tracks: _Optional[_Iterable[_Union[AudioTrack, _Mapping]]] = ..., decoded_duration_s: _Optional[float] = ..., stated_duration_s: _Optional[float] = ..., recordings: _Optional[int] = ..., inverted_channels: _Optional[_Iterable[int]] = ...) -> None: ...

class AudioTrack(_message.Message):
    __slots__ = ("track", "codec", "channels", "sample_rate_hz", "state", "is_default", "language", "title")
    TRACK_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    IS_DEFAULT_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    track: int
    codec: str
    channels: int
    sample_rate_hz: int
    state: TrackState
    is_default: bool
    language: str
    title: str
    def __init__(self, track: _Optional[int] = ..., codec: _Optional[str] = ..., channels: _Optional[int] = ..., sample_rate_hz: _Optional[int] = ..., state: _Optional[_Union[TrackState, str]] = ..., is_default: _Optional[bool] = ..., language: _Optional[str] = ..., title: _Optional[str] = ...) -> None: ...

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
    __slots__ = ("model", "language", "task", "keyterms", "diarize", "min_speakers", "max_speakers", "priority", "fresh", "channels", "track")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    KEYTERMS_FIELD_NUMBER: _ClassVar[int]
    DIARIZE_FIELD_NUMBER: _ClassVar[int]
    MIN_SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    MAX_SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    FRESH_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    TRACK_FIELD_NUMBER: _ClassVar[int]
    model: str
    language: str
    task: Task
    keyterms: _containers.RepeatedScalarFieldContainer[str]
    diarize: bool
    min_speakers: int
    max_speakers: int
    priority: Priority
    fresh: bool
    channels: Channels
    track: int
    def __init__(self, model: _Optional[str] = ..., language: _Optional[str] = ..., task: _Optional[_Union[Task, str]] = ..., keyterms: _Optional[_Iterable[str]] = ..., diarize: _Optional[bool] = ..., min_speakers: _Optional[int] = ..., max_speakers: _Optional[int] = ..., priority: _Optional[_Union[Priority, str]] = ..., fresh: _Optional[bool] = ..., channels: _Optional[_Union[Channels, str]] = ..., track: _Optional[int] = ...) -> None: ...

class ResolvedOptions(_message.Message):
    __slots__ = ("model", "language", "task", "keyterms", "diarize", "min_speakers", "max_speakers", "priority", "channels", "track")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    KEYTERMS_FIELD_NUMBER: _ClassVar[int]
    DIARIZE_FIELD_NUMBER: _ClassVar[int]
    MIN_SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    MAX_SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    TRACK_FIELD_NUMBER: _ClassVar[int]
    model: ModelReference
    language: str
    task: Task
    keyterms: _containers.RepeatedScalarFieldContainer[str]
    diarize: bool
    min_speakers: int
    max_speakers: int
    priority: Priority
    channels: Channels
    track: int
    def __init__(self, model: _Optional[_Union[ModelReference, _Mapping]] = ..., language: _Optional[str] = ..., task: _Optional[_Union[Task, str]] = ..., keyterms: _Optional[_Iterable[str]] = ..., diarize: _Optional[bool] = ..., min_speakers: _Optional[int] = ..., max_speakers: _Optional[int] = ..., priority: _Optional[_Union[Priority, str]] = ..., channels: _Optional[_Union[Channels, str]] = ..., track: _Optional[int] = ...) -> None: ...

class ModelReference(_message.Message):
    __slots__ = ("name", "tier")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    name: str
    tier: str
    def __init__(self, name: _Optional[str] = ..., tier: _Optional[str] = ...) -> None: ...
