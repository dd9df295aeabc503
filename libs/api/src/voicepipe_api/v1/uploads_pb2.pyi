import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from voicepipe_api.v1 import transcription_pb2 as _transcription_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateTranscriptionRequest(_message.Message):
    __slots__ = ("header", "chunk", "trailer")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    TRAILER_FIELD_NUMBER: _ClassVar[int]
    header: CreateHeader
    chunk: bytes
    trailer: CreateTrailer
    def __init__(self, header: _Optional[_Union[CreateHeader, _Mapping]] = ..., chunk: _Optional[bytes] = ..., trailer: _Optional[_Union[CreateTrailer, _Mapping]] = ...) -> None: ...

class CreateHeader(_message.Message):
    __slots__ = ("name", "media_type", "options", "size_bytes", "upload_id", "offset_bytes", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    UPLOAD_ID_FIELD_NUMBER: _ClassVar[int]
    OFFSET_BYTES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    media_type: str
    options: _transcription_pb2.TranscriptionOptions
    size_bytes: int
    upload_id: str
    offset_bytes: int
    request_id: str
    def __init__(self, name: _Optional[str] = ..., media_type: _Optional[str] = ..., options: _Optional[_Union[_transcription_pb2.TranscriptionOptions, _Mapping]] = ..., size_bytes: _Optional[int] = ..., upload_id: _Optional[str] = ..., offset_bytes: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateTrailer(_message.Message):
    __slots__ = ("sha256",)
    SHA256_FIELD_NUMBER: _ClassVar[int]
    sha256: bytes
    def __init__(self, sha256: _Optional[bytes] = ...) -> None: ...

class CreateTranscriptionResponse(_message.Message):
    __slots__ = ("transcription", "existing")
    TRANSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    EXISTING_FIELD_NUMBER: _ClassVar[int]
    transcription: _transcription_pb2.Transcription
    existing: bool
    def __init__(self, transcription: _Optional[_Union[_transcription_pb2.Transcription, _Mapping]] = ..., existing: _Optional[bool] = ...) -> None: ...

class GetUploadRequest(_message.Message):
    __slots__ = ("upload_id",)
    UPLOAD_ID_FIELD_NUMBER: _ClassVar[int]
    upload_id: str
    def __init__(self, upload_id: _Optional[str] = ...) -> None: ...

class Upload(_message.Message):
    __slots__ = ("upload_id", "offset_bytes", "size_bytes", "expires_at", "transcription_id")
    UPLOAD_ID_FIELD_NUMBER: _ClassVar[int]
    OFFSET_BYTES_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPTION_ID_FIELD_NUMBER: _ClassVar[int]
    upload_id: str
    offset_bytes: int
    size_bytes: int
    expires_at: _timestamp_pb2.Timestamp
    transcription_id: str
    def __init__(self, upload_id: _Optional[str] = ..., offset_bytes: _Optional[int] = ..., size_bytes: _Optional[int] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., transcription_id: _Optional[str] = ...) -> None: ...

class DeleteUploadRequest(_message.Message):
    __slots__ = ("upload_id",)
    UPLOAD_ID_FIELD_NUMBER: _ClassVar[int]
    upload_id: str
    def __init__(self, upload_id: _Optional[str] = ...) -> None: ...

class DeleteUploadResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
