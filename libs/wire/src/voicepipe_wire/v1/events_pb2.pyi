from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class JobCreated(_message.Message):
    __slots__ = ("job_id", "name", "size_bytes")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    name: str
    size_bytes: int
    def __init__(self, job_id: _Optional[str] = ..., name: _Optional[str] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class StageChanged(_message.Message):
    __slots__ = ("job_id", "stage", "state", "attempt", "job_state")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    JOB_STATE_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    stage: str
    state: str
    attempt: int
    job_state: str
    def __init__(self, job_id: _Optional[str] = ..., stage: _Optional[str] = ..., state: _Optional[str] = ..., attempt: _Optional[int] = ..., job_state: _Optional[str] = ...) -> None: ...

class StageProgressed(_message.Message):
    __slots__ = ("job_id", "stage", "done_s", "total_s")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    DONE_S_FIELD_NUMBER: _ClassVar[int]
    TOTAL_S_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    stage: str
    done_s: float
    total_s: float
    def __init__(self, job_id: _Optional[str] = ..., stage: _Optional[str] = ..., done_s: _Optional[float] = ..., total_s: _Optional[float] = ...) -> None: ...

class ChunkTranscribed(_message.Message):
    __slots__ = ("job_id", "chunk_index", "start_s", "end_s", "text", "language", "done_s", "total_s")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    CHUNK_INDEX_FIELD_NUMBER: _ClassVar[int]
    START_S_FIELD_NUMBER: _ClassVar[int]
    END_S_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    DONE_S_FIELD_NUMBER: _ClassVar[int]
    TOTAL_S_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    chunk_index: int
    start_s: float
    end_s: float
    text: str
    language: str
    done_s: float
    total_s: float
    def __init__(self, job_id: _Optional[str] = ..., chunk_index: _Optional[int] = ..., start_s: _Optional[float] = ..., end_s: _Optional[float] = ..., text: _Optional[str] = ..., language: _Optional[str] = ..., done_s: _Optional[float] = ..., total_s: _Optional[float] = ...) -> None: ...

class JobWarned(_message.Message):
    __slots__ = ("job_id", "code", "message", "start_s", "duration_s")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    START_S_FIELD_NUMBER: _ClassVar[int]
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    code: str
    message: str
    start_s: float
    duration_s: float
    def __init__(self, job_id: _Optional[str] = ..., code: _Optional[str] = ..., message: _Optional[str] = ..., start_s: _Optional[float] = ..., duration_s: _Optional[float] = ...) -> None: ...

class JobCompleted(_message.Message):
    __slots__ = ("job_id", "transcript_version")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_VERSION_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    transcript_version: int
    def __init__(self, job_id: _Optional[str] = ..., transcript_version: _Optional[int] = ...) -> None: ...

class JobFailed(_message.Message):
    __slots__ = ("job_id", "code", "message")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    code: str
    message: str
    def __init__(self, job_id: _Optional[str] = ..., code: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class JobCancelled(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    def __init__(self, job_id: _Optional[str] = ...) -> None: ...

class JobDeleted(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    def __init__(self, job_id: _Optional[str] = ...) -> None: ...

class SpeakerRenamed(_message.Message):
    __slots__ = ("job_id", "transcript_version", "speaker")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_VERSION_FIELD_NUMBER: _ClassVar[int]
    SPEAKER_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    transcript_version: int
    speaker: str
    def __init__(self, job_id: _Optional[str] = ..., transcript_version: _Optional[int] = ..., speaker: _Optional[str] = ...) -> None: ...
