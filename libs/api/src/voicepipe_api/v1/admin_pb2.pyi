import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from voicepipe_api.v1 import transcription_pb2 as _transcription_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ActionKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACTION_KIND_UNSPECIFIED: _ClassVar[ActionKind]
    ACTION_KIND_REDRIVE: _ClassVar[ActionKind]
    ACTION_KIND_DISCARD: _ClassVar[ActionKind]

class SnapshotState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SNAPSHOT_STATE_UNSPECIFIED: _ClassVar[SnapshotState]
    SNAPSHOT_STATE_CURRENT: _ClassVar[SnapshotState]
    SNAPSHOT_STATE_OLD: _ClassVar[SnapshotState]
    SNAPSHOT_STATE_MISSING: _ClassVar[SnapshotState]
ACTION_KIND_UNSPECIFIED: ActionKind
ACTION_KIND_REDRIVE: ActionKind
ACTION_KIND_DISCARD: ActionKind
SNAPSHOT_STATE_UNSPECIFIED: SnapshotState
SNAPSHOT_STATE_CURRENT: SnapshotState
SNAPSHOT_STATE_OLD: SnapshotState
SNAPSHOT_STATE_MISSING: SnapshotState

class DeadLetterFilter(_message.Message):
    __slots__ = ("stage", "code", "owner", "failed_after", "failed_before")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    FAILED_AFTER_FIELD_NUMBER: _ClassVar[int]
    FAILED_BEFORE_FIELD_NUMBER: _ClassVar[int]
    stage: str
    code: str
    owner: str
    failed_after: _timestamp_pb2.Timestamp
    failed_before: _timestamp_pb2.Timestamp
    def __init__(self, stage: _Optional[str] = ..., code: _Optional[str] = ..., owner: _Optional[str] = ..., failed_after: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., failed_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class DeadLetter(_message.Message):
    __slots__ = ("sequence", "stage", "subject", "code", "error", "attempts", "failed_at", "command", "job_id", "owner_id", "payload", "headers")
    class HeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    FAILED_AT_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    stage: str
    subject: str
    code: str
    error: str
    attempts: int
    failed_at: _timestamp_pb2.Timestamp
    command: str
    job_id: str
    owner_id: str
    payload: _struct_pb2.Struct
    headers: _containers.ScalarMap[str, str]
    def __init__(self, sequence: _Optional[int] = ..., stage: _Optional[str] = ..., subject: _Optional[str] = ..., code: _Optional[str] = ..., error: _Optional[str] = ..., attempts: _Optional[int] = ..., failed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., command: _Optional[str] = ..., job_id: _Optional[str] = ..., owner_id: _Optional[str] = ..., payload: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., headers: _Optional[_Mapping[str, str]] = ...) -> None: ...

class ListDeadLettersRequest(_message.Message):
    __slots__ = ("filter", "page_size", "page_token")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    filter: DeadLetterFilter
    page_size: int
    page_token: str
    def __init__(self, filter: _Optional[_Union[DeadLetterFilter, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListDeadLettersResponse(_message.Message):
    __slots__ = ("items", "next_page_token", "total")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[DeadLetter]
    next_page_token: str
    total: int
    def __init__(self, items: _Optional[_Iterable[_Union[DeadLetter, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total: _Optional[int] = ...) -> None: ...

class GetDeadLetterRequest(_message.Message):
    __slots__ = ("sequence",)
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    def __init__(self, sequence: _Optional[int] = ...) -> None: ...

class RedriveDeadLetterRequest(_message.Message):
    __slots__ = ("sequence",)
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    def __init__(self, sequence: _Optional[int] = ...) -> None: ...

class RedriveDeadLetterResponse(_message.Message):
    __slots__ = ("took_effect",)
    TOOK_EFFECT_FIELD_NUMBER: _ClassVar[int]
    took_effect: bool
    def __init__(self, took_effect: _Optional[bool] = ...) -> None: ...

class RedriveDeadLettersRequest(_message.Message):
    __slots__ = ("filter", "page_token")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    filter: DeadLetterFilter
    page_token: str
    def __init__(self, filter: _Optional[_Union[DeadLetterFilter, _Mapping]] = ..., page_token: _Optional[str] = ...) -> None: ...

class RedriveDeadLettersResponse(_message.Message):
    __slots__ = ("accepted", "repeated", "next_page_token")
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    REPEATED_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    accepted: int
    repeated: int
    next_page_token: str
    def __init__(self, accepted: _Optional[int] = ..., repeated: _Optional[int] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DiscardDeadLetterRequest(_message.Message):
    __slots__ = ("sequence",)
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    def __init__(self, sequence: _Optional[int] = ...) -> None: ...

class DiscardDeadLetterResponse(_message.Message):
    __slots__ = ("took_effect",)
    TOOK_EFFECT_FIELD_NUMBER: _ClassVar[int]
    took_effect: bool
    def __init__(self, took_effect: _Optional[bool] = ...) -> None: ...

class ListOperatorActionsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListOperatorActionsResponse(_message.Message):
    __slots__ = ("items", "next_page_token")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[OperatorAction]
    next_page_token: str
    def __init__(self, items: _Optional[_Iterable[_Union[OperatorAction, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class OperatorAction(_message.Message):
    __slots__ = ("created_at", "user_id", "user_name", "action", "sequence", "failed_at", "stage", "code", "job_id")
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    USER_NAME_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    FAILED_AT_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    created_at: _timestamp_pb2.Timestamp
    user_id: str
    user_name: str
    action: ActionKind
    sequence: int
    failed_at: _timestamp_pb2.Timestamp
    stage: str
    code: str
    job_id: str
    def __init__(self, created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., user_id: _Optional[str] = ..., user_name: _Optional[str] = ..., action: _Optional[_Union[ActionKind, str]] = ..., sequence: _Optional[int] = ..., failed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., stage: _Optional[str] = ..., code: _Optional[str] = ..., job_id: _Optional[str] = ...) -> None: ...

class ListQueuesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Queues(_message.Message):
    __slots__ = ("state", "published_at", "age_s", "queues")
    STATE_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_AT_FIELD_NUMBER: _ClassVar[int]
    AGE_S_FIELD_NUMBER: _ClassVar[int]
    QUEUES_FIELD_NUMBER: _ClassVar[int]
    state: SnapshotState
    published_at: _timestamp_pb2.Timestamp
    age_s: float
    queues: _containers.RepeatedCompositeFieldContainer[QueueState]
    def __init__(self, state: _Optional[_Union[SnapshotState, str]] = ..., published_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., age_s: _Optional[float] = ..., queues: _Optional[_Iterable[_Union[QueueState, _Mapping]]] = ...) -> None: ...

class QueueState(_message.Message):
    __slots__ = ("stage", "pool", "priority", "queued_s", "in_flight_s", "arriving_s", "waiting_commands", "in_flight_commands", "jobs", "arriving_jobs", "oldest_s", "replicas", "ready_replicas", "ready_in_s")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    QUEUED_S_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_S_FIELD_NUMBER: _ClassVar[int]
    ARRIVING_S_FIELD_NUMBER: _ClassVar[int]
    WAITING_COMMANDS_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_COMMANDS_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    ARRIVING_JOBS_FIELD_NUMBER: _ClassVar[int]
    OLDEST_S_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    READY_REPLICAS_FIELD_NUMBER: _ClassVar[int]
    READY_IN_S_FIELD_NUMBER: _ClassVar[int]
    stage: str
    pool: str
    priority: str
    queued_s: float
    in_flight_s: float
    arriving_s: float
    waiting_commands: int
    in_flight_commands: int
    jobs: int
    arriving_jobs: int
    oldest_s: float
    replicas: int
    ready_replicas: int
    ready_in_s: float
    def __init__(self, stage: _Optional[str] = ..., pool: _Optional[str] = ..., priority: _Optional[str] = ..., queued_s: _Optional[float] = ..., in_flight_s: _Optional[float] = ..., arriving_s: _Optional[float] = ..., waiting_commands: _Optional[int] = ..., in_flight_commands: _Optional[int] = ..., jobs: _Optional[int] = ..., arriving_jobs: _Optional[int] = ..., oldest_s: _Optional[float] = ..., replicas: _Optional[int] = ..., ready_replicas: _Optional[int] = ..., ready_in_s: _Optional[float] = ...) -> None: ...

class ListStuckJobsRequest(_message.Message):
    __slots__ = ("older_than_s", "page_size", "page_token")
    OLDER_THAN_S_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    older_than_s: int
    page_size: int
    page_token: str
    def __init__(self, older_than_s: _Optional[int] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListStuckJobsResponse(_message.Message):
    __slots__ = ("items", "next_page_token")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[StuckJob]
    next_page_token: str
    def __init__(self, items: _Optional[_Iterable[_Union[StuckJob, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class StuckJob(_message.Message):
    __slots__ = ("id", "owner_id", "owner", "state", "changed_at", "unchanged_s", "stages")
    ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CHANGED_AT_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_S_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    id: str
    owner_id: str
    owner: str
    state: _transcription_pb2.JobState
    changed_at: _timestamp_pb2.Timestamp
    unchanged_s: float
    stages: _containers.RepeatedCompositeFieldContainer[StuckStage]
    def __init__(self, id: _Optional[str] = ..., owner_id: _Optional[str] = ..., owner: _Optional[str] = ..., state: _Optional[_Union[_transcription_pb2.JobState, str]] = ..., changed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., unchanged_s: _Optional[float] = ..., stages: _Optional[_Iterable[_Union[StuckStage, _Mapping]]] = ...) -> None: ...

class StuckStage(_message.Message):
    __slots__ = ("stage", "state", "attempt", "since", "waiting_for")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    WAITING_FOR_FIELD_NUMBER: _ClassVar[int]
    stage: _transcription_pb2.Stage
    state: _transcription_pb2.StageState
    attempt: int
    since: _timestamp_pb2.Timestamp
    waiting_for: str
    def __init__(self, stage: _Optional[_Union[_transcription_pb2.Stage, str]] = ..., state: _Optional[_Union[_transcription_pb2.StageState, str]] = ..., attempt: _Optional[int] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., waiting_for: _Optional[str] = ...) -> None: ...
