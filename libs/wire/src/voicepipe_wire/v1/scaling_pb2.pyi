from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class BacklogSnapshot(_message.Message):
    __slots__ = ("at_s", "interval_s", "queues", "dead_letters", "stuck_jobs")
    class DeadLettersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class StuckJobsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    AT_S_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_S_FIELD_NUMBER: _ClassVar[int]
    QUEUES_FIELD_NUMBER: _ClassVar[int]
    DEAD_LETTERS_FIELD_NUMBER: _ClassVar[int]
    STUCK_JOBS_FIELD_NUMBER: _ClassVar[int]
    at_s: float
    interval_s: float
    queues: _containers.RepeatedCompositeFieldContainer[QueueBacklog]
    dead_letters: _containers.ScalarMap[str, int]
    stuck_jobs: _containers.ScalarMap[str, int]
    def __init__(self, at_s: _Optional[float] = ..., interval_s: _Optional[float] = ..., queues: _Optional[_Iterable[_Union[QueueBacklog, _Mapping]]] = ..., dead_letters: _Optional[_Mapping[str, int]] = ..., stuck_jobs: _Optional[_Mapping[str, int]] = ...) -> None: ...

class QueueBacklog(_message.Message):
    __slots__ = ("stage", "pool", "priority", "queued_s", "in_flight_s", "arriving_s", "arrived_s_per_s", "done_s_per_s", "pending", "in_flight", "jobs", "upstream_jobs", "expected_commands", "oldest_s")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    QUEUED_S_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_S_FIELD_NUMBER: _ClassVar[int]
    ARRIVING_S_FIELD_NUMBER: _ClassVar[int]
    ARRIVED_S_PER_S_FIELD_NUMBER: _ClassVar[int]
    DONE_S_PER_S_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    UPSTREAM_JOBS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_COMMANDS_FIELD_NUMBER: _ClassVar[int]
    OLDEST_S_FIELD_NUMBER: _ClassVar[int]
    stage: str
    pool: str
    priority: str
    queued_s: float
    in_flight_s: float
    arriving_s: float
    arrived_s_per_s: float
    done_s_per_s: float
    pending: int
    in_flight: int
    jobs: int
    upstream_jobs: int
    expected_commands: int
    oldest_s: float
    def __init__(self, stage: _Optional[str] = ..., pool: _Optional[str] = ..., priority: _Optional[str] = ..., queued_s: _Optional[float] = ..., in_flight_s: _Optional[float] = ..., arriving_s: _Optional[float] = ..., arrived_s_per_s: _Optional[float] = ..., done_s_per_s: _Optional[float] = ..., pending: _Optional[int] = ..., in_flight: _Optional[int] = ..., jobs: _Optional[int] = ..., upstream_jobs: _Optional[int] = ..., expected_commands: _Optional[int] = ..., oldest_s: _Optional[float] = ...) -> None: ...

class WorkerRequest(_message.Message):
    __slots__ = ("action", "drain_s")
    ACTION_FIELD_NUMBER: _ClassVar[int]
    DRAIN_S_FIELD_NUMBER: _ClassVar[int]
    action: str
    drain_s: float
    def __init__(self, action: _Optional[str] = ..., drain_s: _Optional[float] = ...) -> None: ...

class WorkerState(_message.Message):
    __slots__ = ("name", "in_flight", "slots", "remaining_s", "draining", "busy_s")
    NAME_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    REMAINING_S_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    BUSY_S_FIELD_NUMBER: _ClassVar[int]
    name: str
    in_flight: int
    slots: int
    remaining_s: float
    draining: bool
    busy_s: float
    def __init__(self, name: _Optional[str] = ..., in_flight: _Optional[int] = ..., slots: _Optional[int] = ..., remaining_s: _Optional[float] = ..., draining: _Optional[bool] = ..., busy_s: _Optional[float] = ...) -> None: ...

class PoolState(_message.Message):
    __slots__ = ("at_s", "stage", "pool", "replicas", "ready", "min_replicas", "max_replicas", "cold_start_s", "ready_in_s", "reason")
    AT_S_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    MIN_REPLICAS_FIELD_NUMBER: _ClassVar[int]
    MAX_REPLICAS_FIELD_NUMBER: _ClassVar[int]
    COLD_START_S_FIELD_NUMBER: _ClassVar[int]
    READY_IN_S_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    at_s: float
    stage: str
    pool: str
    replicas: int
    ready: int
    min_replicas: int
    max_replicas: int
    cold_start_s: float
    ready_in_s: float
    reason: str
    def __init__(self, at_s: _Optional[float] = ..., stage: _Optional[str] = ..., pool: _Optional[str] = ..., replicas: _Optional[int] = ..., ready: _Optional[int] = ..., min_replicas: _Optional[int] = ..., max_replicas: _Optional[int] = ..., cold_start_s: _Optional[float] = ..., ready_in_s: _Optional[float] = ..., reason: _Optional[str] = ...) -> None: ...
