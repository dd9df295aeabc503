import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PoolState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    POOL_STATE_UNSPECIFIED: _ClassVar[PoolState]
    POOL_STATE_READY: _ClassVar[PoolState]
    POOL_STATE_AWAY: _ClassVar[PoolState]
    POOL_STATE_ASLEEP: _ClassVar[PoolState]
    POOL_STATE_OFF: _ClassVar[PoolState]
POOL_STATE_UNSPECIFIED: PoolState
POOL_STATE_READY: PoolState
POOL_STATE_AWAY: PoolState
POOL_STATE_ASLEEP: PoolState
POOL_STATE_OFF: PoolState

class GetCapabilitiesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Capabilities(_message.Message):
    __slots__ = ("models", "languages", "tasks", "priorities", "formats", "limits", "speakers", "workers", "channels")
    class WorkersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    MODELS_FIELD_NUMBER: _ClassVar[int]
    LANGUAGES_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    PRIORITIES_FIELD_NUMBER: _ClassVar[int]
    FORMATS_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    languages: _containers.RepeatedCompositeFieldContainer[Language]
    tasks: _containers.RepeatedScalarFieldContainer[str]
    priorities: _containers.RepeatedScalarFieldContainer[str]
    formats: _containers.RepeatedScalarFieldContainer[str]
    limits: Limits
    speakers: SpeakerCapability
    workers: _containers.ScalarMap[str, int]
    channels: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ..., languages: _Optional[_Iterable[_Union[Language, _Mapping]]] = ..., tasks: _Optional[_Iterable[str]] = ..., priorities: _Optional[_Iterable[str]] = ..., formats: _Optional[_Iterable[str]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., speakers: _Optional[_Union[SpeakerCapability, _Mapping]] = ..., workers: _Optional[_Mapping[str, int]] = ..., channels: _Optional[_Iterable[str]] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ("name", "state", "seen_at", "ready_in_s", "tier", "languages", "tasks", "model", "revision", "engine", "engine_version", "device", "compute_type", "max_audio_s")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SEEN_AT_FIELD_NUMBER: _ClassVar[int]
    READY_IN_S_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    LANGUAGES_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    ENGINE_VERSION_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    COMPUTE_TYPE_FIELD_NUMBER: _ClassVar[int]
    MAX_AUDIO_S_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: PoolState
    seen_at: _timestamp_pb2.Timestamp
    ready_in_s: float
    tier: str
    languages: _containers.RepeatedScalarFieldContainer[str]
    tasks: _containers.RepeatedScalarFieldContainer[str]
    model: str
    revision: str
    engine: str
    engine_version: str
    device: str
    compute_type: str
    max_audio_s: float
    def __init__(self, name: _Optional[str] = ..., state: _Optional[_Union[PoolState, str]] = ..., seen_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ready_in_s: _Optional[float] = ..., tier: _Optional[str] = ..., languages: _Optional[_Iterable[str]] = ..., tasks: _Optional[_Iterable[str]] = ..., model: _Optional[str] = ..., revision: _Optional[str] = ..., engine: _Optional[str] = ..., engine_version: _Optional[str] = ..., device: _Optional[str] = ..., compute_type: _Optional[str] = ..., max_audio_s: _Optional[float] = ...) -> None: ...

class Language(_message.Message):
    __slots__ = ("code", "name")
    CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    code: str
    name: str
    def __init__(self, code: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("max_upload_bytes", "max_keyterms", "max_keyterm_characters", "max_speakers", "max_event_streams", "max_track")
    MAX_UPLOAD_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_KEYTERMS_FIELD_NUMBER: _ClassVar[int]
    MAX_KEYTERM_CHARACTERS_FIELD_NUMBER: _ClassVar[int]
    MAX_SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    MAX_EVENT_STREAMS_FIELD_NUMBER: _ClassVar[int]
    MAX_TRACK_FIELD_NUMBER: _ClassVar[int]
    max_upload_bytes: int
    max_keyterms: int
    max_keyterm_characters: int
    max_speakers: int
    max_event_streams: int
    max_track: int
    def __init__(self, max_upload_bytes: _Optional[int] = ..., max_keyterms: _Optional[int] = ..., max_keyterm_characters: _Optional[int] = ..., max_speakers: _Optional[int] = ..., max_event_streams: _Optional[int] = ..., max_track: _Optional[int] = ...) -> None: ...

class SpeakerCapability(_message.Message):
    __slots__ = ("available", "state", "ready_in_s")
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    READY_IN_S_FIELD_NUMBER: _ClassVar[int]
    available: bool
    state: PoolState
    ready_in_s: float
    def __init__(self, available: _Optional[bool] = ..., state: _Optional[_Union[PoolState, str]] = ..., ready_in_s: _Optional[float] = ...) -> None: ...

class GetVersionRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Version(_message.Message):
    __slots__ = ("service", "version")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    service: str
    version: str
    def __init__(self, service: _Optional[str] = ..., version: _Optional[str] = ...) -> None: ...
