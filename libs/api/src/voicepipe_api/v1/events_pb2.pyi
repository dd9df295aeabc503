from voicepipe_api.v1 import transcription_pb2 as _transcription_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TranscriptionEvent(_message.Message):
    __slots__ = ("sequence", "job_created", "stage_changed", "stage_progressed", "chunk_transcribed", "job_warned", "job_completed", "job_failed", "job_cancelled", "job_deleted", "speaker_renamed", "heartbeat")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    JOB_CREATED_FIELD_NUMBER: _ClassVar[int]
    STAGE_CHANGED_FIELD_NUMBER: _ClassVar[int]
    STAGE_PROGRESSED_FIELD_NUMBER: _ClassVar[int]
    CHUNK_TRANSCRIBED_FIELD_NUMBER: _ClassVar[int]
    JOB_WARNED_FIELD_NUMBER: _ClassVar[int]
    JOB_COMPLETED_FIELD_NUMBER: _ClassVar[int]
    JOB_FAILED_FIELD_NUMBER: _ClassVar[int]
    JOB_CANCELLED_FIELD_NUMBER: _ClassVar[int]
    JOB_DELETED_FIELD_NUMBER: _ClassVar[int]
    SPEAKER_RENAMED_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    job_created: JobCreated
    stage_changed: StageChanged
    stage_progressed: StageProgressed
    chunk_transcribed: ChunkTranscribed
    job_warned: JobWarned
    job_completed: JobCompleted
    job_failed: JobFailed
    job_cancelled: JobCancelled
    job_deleted: JobDeleted
    speaker_renamed: SpeakerRenamed
    heartbeat: Heartbeat
    def __init__(self, sequence: _Optional[int] = ..., job_created: _Optional[_Union[JobCreated, _Mapping]] = ..., stage_changed: _Optional[_Union[StageChanged, _Mapping]] = ..., stage_progressed: _Optional[_Union[StageProgressed, _Mapping]] = ..., chunk_transcribed: _Optional[_Union[ChunkTranscribed, _Mapping]] = ..., job_warned: _Optional[_Union[JobWarned, _Mapping]] = ..., job_completed: _Optional[_Union[JobCompleted, _Mapping]] = ..., job_failed: _Optional[_Union[JobFailed, _Mapping]] = ..., job_cancelled: _Optional[_Union[JobCancelled, _Mapping]] = ..., job_deleted: _Optional[_Union[JobDeleted, _Mapping]] = ..., speaker_renamed: _Optional[_Union[SpeakerRenamed, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ...) -> None: ...

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
    stage: _transcription_pb2.Stage
    state: _transcription_pb2.StageState
    attempt: int
    job_state: _transcription_pb2.JobState
    def __init__(self, job_id: _Optional[str] = ..., stage: _Optional[_Union[_transcription_pb2.Stage, str]] = ..., state: _Optional[_Union[_transcription_pb2.StageState, str]] = ..., attempt: _Optional[int] = ..., job_state: _Optional[_Union[_transcription_pb2.JobState, str]] = ...) -> None: ...

class StageProgressed(_message.Message):
    __slots__ = ("job_id", "stage", "done_s", "total_s")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    DONE_S_FIELD_NUMBER: _ClassVar[int]
    TOTAL_S_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    stage: _transcription_pb2.Stage
    done_s: float
    total_s: float
    def __init__(self, job_id: _Optional[str] = ..., stage: _Optional[_Union[_transcription_pb2.Stage, str]] = ..., done_s: _Optional[float] = ..., total_s: _Optional[float] = ...) -> None: ...

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

class Heartbeat(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
