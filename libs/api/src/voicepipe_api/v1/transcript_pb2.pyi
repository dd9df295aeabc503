import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from voicepipe_api.v1 import transcription_pb2 as _transcription_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TranscriptPart(_message.Message):
    __slots__ = ("header", "segments", "turns")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    TURNS_FIELD_NUMBER: _ClassVar[int]
    header: TranscriptHeader
    segments: SegmentBatch
    turns: TurnBatch
    def __init__(self, header: _Optional[_Union[TranscriptHeader, _Mapping]] = ..., segments: _Optional[_Union[SegmentBatch, _Mapping]] = ..., turns: _Optional[_Union[TurnBatch, _Mapping]] = ...) -> None: ...

class TranscriptHeader(_message.Message):
    __slots__ = ("id", "version", "language", "language_probability", "duration_s", "speech_s", "model", "speakers", "diarization", "gaps", "warnings", "created_at", "models", "media")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    SPEECH_S_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    DIARIZATION_FIELD_NUMBER: _ClassVar[int]
    GAPS_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    language: str
    language_probability: float
    duration_s: float
    speech_s: float
    model: ModelUsed
    speakers: _containers.RepeatedCompositeFieldContainer[Speaker]
    diarization: DiarizedBy
    gaps: _containers.RepeatedCompositeFieldContainer[Gap]
    warnings: _containers.RepeatedCompositeFieldContainer[_transcription_pb2.Notice]
    created_at: _timestamp_pb2.Timestamp
    models: _containers.RepeatedCompositeFieldContainer[ModelUsed]
    media: _transcription_pb2.Media
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ..., language: _Optional[str] = ..., language_probability: _Optional[float] = ..., duration_s: _Optional[float] = ..., speech_s: _Optional[float] = ..., model: _Optional[_Union[ModelUsed, _Mapping]] = ..., speakers: _Optional[_Iterable[_Union[Speaker, _Mapping]]] = ..., diarization: _Optional[_Union[DiarizedBy, _Mapping]] = ..., gaps: _Optional[_Iterable[_Union[Gap, _Mapping]]] = ..., warnings: _Optional[_Iterable[_Union[_transcription_pb2.Notice, _Mapping]]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., models: _Optional[_Iterable[_Union[ModelUsed, _Mapping]]] = ..., media: _Optional[_Union[_transcription_pb2.Media, _Mapping]] = ...) -> None: ...

class SegmentBatch(_message.Message):
    __slots__ = ("segments",)
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    segments: _containers.RepeatedCompositeFieldContainer[Segment]
    def __init__(self, segments: _Optional[_Iterable[_Union[Segment, _Mapping]]] = ...) -> None: ...

class TurnBatch(_message.Message):
    __slots__ = ("turns",)
    TURNS_FIELD_NUMBER: _ClassVar[int]
    turns: _containers.RepeatedCompositeFieldContainer[Turn]
    def __init__(self, turns: _Optional[_Iterable[_Union[Turn, _Mapping]]] = ...) -> None: ...

class Segment(_message.Message):
    __slots__ = ("id", "start_s", "end_s", "text", "confidence", "language", "speaker", "words")
    ID_FIELD_NUMBER: _ClassVar[int]
    START_S_FIELD_NUMBER: _ClassVar[int]
    END_S_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    SPEAKER_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    id: int
    start_s: float
    end_s: float
    text: str
    confidence: float
    language: str
    speaker: str
    words: _containers.RepeatedCompositeFieldContainer[Word]
    def __init__(self, id: _Optional[int] = ..., start_s: _Optional[float] = ..., end_s: _Optional[float] = ..., text: _Optional[str] = ..., confidence: _Optional[float] = ..., language: _Optional[str] = ..., speaker: _Optional[str] = ..., words: _Optional[_Iterable[_Union[Word, _Mapping]]] = ...) -> None: ...

class Word(_message.Message):
    __slots__ = ("start_s", "end_s", "text", "confidence", "speaker", "overlap")
    START_S_FIELD_NUMBER: _ClassVar[int]
    END_S_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    SPEAKER_FIELD_NUMBER: _ClassVar[int]
    OVERLAP_FIELD_NUMBER: _ClassVar[int]
    start_s: float
    end_s: float
    text: str
    confidence: float
    speaker: str
    overlap: bool
    def __init__(self, start_s: _Optional[float] = ..., end_s: _Optional[float] = ..., text: _Optional[str] = ..., confidence: _Optional[float] = ..., speaker: _Optional[str] = ..., overlap: _Optional[bool] = ...) -> None: ...

class Turn(_message.Message):
    __slots__ = ("start_s", "end_s", "speaker")
    START_S_FIELD_NUMBER: _ClassVar[int]
    END_S_FIELD_NUMBER: _ClassVar[int]
    SPEAKER_FIELD_NUMBER: _ClassVar[int]
    start_s: float
    end_s: float
    speaker: str
    def __init__(self, start_s: _Optional[float] = ..., end_s: _Optional[float] = ..., speaker: _Optional[str] = ...) -> None: ...

class Gap(_message.Message):
    __slots__ = ("start_s", "end_s", "code")
    START_S_FIELD_NUMBER: _ClassVar[int]
    END_S_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    start_s: float
    end_s: float
    code: str
    def __init__(self, start_s: _Optional[float] = ..., end_s: _Optional[float] = ..., code: _Optional[str] = ...) -> None: ...

class Speaker(_message.Message):
    __slots__ = ("id", "name", "talk_s", "share", "segments", "colour")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TALK_S_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    COLOUR_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    talk_s: float
    share: float
    segments: int
    colour: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., talk_s: _Optional[float] = ..., share: _Optional[float] = ..., segments: _Optional[int] = ..., colour: _Optional[str] = ...) -> None: ...

class ModelUsed(_message.Message):
    __slots__ = ("name", "engine", "tier", "revision", "compute_type")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    COMPUTE_TYPE_FIELD_NUMBER: _ClassVar[int]
    name: str
    engine: str
    tier: str
    revision: str
    compute_type: str
    def __init__(self, name: _Optional[str] = ..., engine: _Optional[str] = ..., tier: _Optional[str] = ..., revision: _Optional[str] = ..., compute_type: _Optional[str] = ...) -> None: ...

class DiarizedBy(_message.Message):
    __slots__ = ("name", "revision")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    name: str
    revision: str
    def __init__(self, name: _Optional[str] = ..., revision: _Optional[str] = ...) -> None: ...
