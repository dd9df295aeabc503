import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from voicepipe_api.v1 import events_pb2 as _events_pb2
from voicepipe_api.v1 import transcript_pb2 as _transcript_pb2
from voicepipe_api.v1 import transcription_pb2 as _transcription_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TranscriptFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRANSCRIPT_FORMAT_UNSPECIFIED: _ClassVar[TranscriptFormat]
    TRANSCRIPT_FORMAT_JSON: _ClassVar[TranscriptFormat]
    TRANSCRIPT_FORMAT_TXT: _ClassVar[TranscriptFormat]
    TRANSCRIPT_FORMAT_SRT: _ClassVar[TranscriptFormat]
    TRANSCRIPT_FORMAT_VTT: _ClassVar[TranscriptFormat]
    TRANSCRIPT_FORMAT_RTTM: _ClassVar[TranscriptFormat]
TRANSCRIPT_FORMAT_UNSPECIFIED: TranscriptFormat
TRANSCRIPT_FORMAT_JSON: TranscriptFormat
TRANSCRIPT_FORMAT_TXT: TranscriptFormat
TRANSCRIPT_FORMAT_SRT: TranscriptFormat
TRANSCRIPT_FORMAT_VTT: TranscriptFormat
TRANSCRIPT_FORMAT_RTTM: TranscriptFormat

class GetTranscriptionRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ListTranscriptionsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "states", "name", "created_after", "created_before", "ids")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CREATED_AFTER_FIELD_NUMBER: _ClassVar[int]
    CREATED_BEFORE_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    states: _containers.RepeatedScalarFieldContainer[_transcription_pb2.JobState]
    name: str
    created_after: _timestamp_pb2.Timestamp
    created_before: _timestamp_pb2.Timestamp
    ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., states: _Optional[_Iterable[_Union[_transcription_pb2.JobState, str]]] = ..., name: _Optional[str] = ..., created_after: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ids: _Optional[_Iterable[str]] = ...) -> None: ...

class ListTranscriptionsResponse(_message.Message):
    __slots__ = ("items", "next_page_token")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[_transcription_pb2.Transcription]
    next_page_token: str
    def __init__(self, items: _Optional[_Iterable[_Union[_transcription_pb2.Transcription, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WatchTranscriptionRequest(_message.Message):
    __slots__ = ("id", "after_sequence")
    ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    id: str
    after_sequence: int
    def __init__(self, id: _Optional[str] = ..., after_sequence: _Optional[int] = ...) -> None: ...

class CancelTranscriptionRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class RetryTranscriptionRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class TranscriptionChange(_message.Message):
    __slots__ = ("transcription", "took_effect")
    TRANSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    TOOK_EFFECT_FIELD_NUMBER: _ClassVar[int]
    transcription: _transcription_pb2.Transcription
    took_effect: bool
    def __init__(self, transcription: _Optional[_Union[_transcription_pb2.Transcription, _Mapping]] = ..., took_effect: _Optional[bool] = ...) -> None: ...

class DeleteTranscriptionRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class DeleteTranscriptionResponse(_message.Message):
    __slots__ = ("took_effect",)
    TOOK_EFFECT_FIELD_NUMBER: _ClassVar[int]
    took_effect: bool
    def __init__(self, took_effect: _Optional[bool] = ...) -> None: ...

class RenameSpeakerRequest(_message.Message):
    __slots__ = ("id", "speaker", "name")
    ID_FIELD_NUMBER: _ClassVar[int]
    SPEAKER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    id: str
    speaker: str
    name: str
    def __init__(self, id: _Optional[str] = ..., speaker: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class RenameSpeakerResponse(_message.Message):
    __slots__ = ("speaker", "took_effect")
    SPEAKER_FIELD_NUMBER: _ClassVar[int]
    TOOK_EFFECT_FIELD_NUMBER: _ClassVar[int]
    speaker: _transcript_pb2.Speaker
    took_effect: bool
    def __init__(self, speaker: _Optional[_Union[_transcript_pb2.Speaker, _Mapping]] = ..., took_effect: _Optional[bool] = ...) -> None: ...

class DiarizeAgainRequest(_message.Message):
    __slots__ = ("id", "min_speakers", "max_speakers", "request_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    MIN_SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    MAX_SPEAKERS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    min_speakers: int
    max_speakers: int
    request_id: str
    def __init__(self, id: _Optional[str] = ..., min_speakers: _Optional[int] = ..., max_speakers: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class GetTranscriptRequest(_message.Message):
    __slots__ = ("id", "version")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class RenderTranscriptRequest(_message.Message):
    __slots__ = ("id", "format", "version")
    ID_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    id: str
    format: TranscriptFormat
    version: int
    def __init__(self, id: _Optional[str] = ..., format: _Optional[_Union[TranscriptFormat, str]] = ..., version: _Optional[int] = ...) -> None: ...

class RenderedPart(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: RenderedHeader
    data: bytes
    def __init__(self, header: _Optional[_Union[RenderedHeader, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class RenderedHeader(_message.Message):
    __slots__ = ("media_type", "file_name")
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    media_type: str
    file_name: str
    def __init__(self, media_type: _Optional[str] = ..., file_name: _Optional[str] = ...) -> None: ...

class GetAudioRequest(_message.Message):
    __slots__ = ("id", "offset_bytes", "length_bytes")
    ID_FIELD_NUMBER: _ClassVar[int]
    OFFSET_BYTES_FIELD_NUMBER: _ClassVar[int]
    LENGTH_BYTES_FIELD_NUMBER: _ClassVar[int]
    id: str
    offset_bytes: int
    length_bytes: int
    def __init__(self, id: _Optional[str] = ..., offset_bytes: _Optional[int] = ..., length_bytes: _Optional[int] = ...) -> None: ...

class AudioPart(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: AudioHeader
    data: bytes
    def __init__(self, header: _Optional[_Union[AudioHeader, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class AudioHeader(_message.Message):
    __slots__ = ("name", "media_type", "size_bytes", "sha256")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    name: str
    media_type: str
    size_bytes: int
    sha256: bytes
    def __init__(self, name: _Optional[str] = ..., media_type: _Optional[str] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[bytes] = ...) -> None: ...
