"""What operators ask the server about, and its answers as frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .model import JsonObject


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """Which dead letters; None selects all. `owner` is the id or the name of a user; the times are exclusive."""

    code: str | None = None
    stage: str | None = None
    owner: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def to_query(self) -> dict[str, str]:
        chosen = {
            "code": self.code,
            "stage": self.stage,
            "owner": self.owner,
            "failed_after": None if self.since is None else self.since.isoformat(),
            "failed_before": None if self.until is None else self.until.isoformat(),
        }
        return {name: value for name, value in chosen.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Redriven:
    """How many dead letters were redriven, and how many had been within the last minute and were not redriven again."""

    accepted: int
    repeated: int
    next_cursor: str | None = None

    @classmethod
    def from_json(cls, data: Any) -> Redriven:
        return cls(int(data["accepted"]), int(data.get("repeated") or 0), data.get("next_cursor"))


@dataclass(frozen=True, slots=True)
class OperatorAction:
    """What an operator did to a dead letter. `document` is the server's complete JSON."""

    created_at: datetime
    user_name: str
    action: str
    sequence: int
    stage: str
    code: str
    job_id: str | None
    document: JsonObject = field(repr=False)

    @classmethod
    def from_json(cls, data: JsonObject) -> OperatorAction:
        return cls(
            created_at=datetime.fromisoformat(data["created_at"]),
            user_name=str(data["user_name"]),
            action=str(data["action"]),
            sequence=int(data["sequence"]),
            stage=str(data["stage"]),
            code=str(data["code"]),
            job_id=data.get("job_id"),
            document=data,
        )


@dataclass(frozen=True, slots=True)
class QueueState:
    """The work of one priority of a queue. Seconds are seconds of audio, except `oldest_s` and `ready_in_s`.

    `replicas` are asked for, `ready_replicas` of them are ready, and another can be in `ready_in_s`; None if nobody has said so.
    """

    stage: str
    pool: str | None
    priority: str
    queued_s: float
    in_flight_s: float
    arriving_s: float
    waiting_commands: int
    in_flight_commands: int
    jobs: int
    oldest_s: float
    replicas: int | None = None
    ready_replicas: int | None = None
    ready_in_s: float | None = None

    @classmethod
    def from_json(cls, data: JsonObject) -> QueueState:
        return cls(
            stage=str(data["stage"]),
            pool=data.get("pool"),
            priority=str(data["priority"]),
            queued_s=float(data["queued_s"]),
            in_flight_s=float(data["in_flight_s"]),
            arriving_s=float(data["arriving_s"]),
            waiting_commands=int(data["waiting_commands"]),
            in_flight_commands=int(data["in_flight_commands"]),
            jobs=int(data["jobs"]),
            oldest_s=float(data["oldest_s"]),
            replicas=data.get("replicas"),
            ready_replicas=data.get("ready_replicas"),
            ready_in_s=data.get("ready_in_s"),
        )


@dataclass(frozen=True, slots=True)
class Queues:
    """Every queue as the controller last published it. `state` is current, old or missing."""

    state: str
    age_s: float | None
    queues: tuple[QueueState, ...]
    document: JsonObject = field(repr=False)

    @classmethod
    def from_json(cls, data: JsonObject) -> Queues:
        age_s = data.get("age_s")
        return cls(
            state=str(data["state"]),
            age_s=None if age_s is None else float(age_s),
            queues=tuple(map(QueueState.from_json, data["queues"])),
            document=data,
        )


@dataclass(frozen=True, slots=True)
class StuckStage:
    stage: str
    state: str
    attempt: int
    since: datetime | None
    waiting_for: str | None = None

    @classmethod
    def from_json(cls, data: JsonObject) -> StuckStage:
        since = data.get("since")
        return cls(
            stage=str(data["stage"]),
            state=str(data["state"]),
            attempt=int(data.get("attempt") or 0),
            since=None if since is None else datetime.fromisoformat(since),
            waiting_for=data.get("waiting_for"),
        )


@dataclass(frozen=True, slots=True)
class StuckJob:
    """An unfinished job that has not changed for a while, with its queued and running stages."""

    id: str
    owner: str
    state: str
    unchanged_s: float
    stages: tuple[StuckStage, ...]
    document: JsonObject = field(repr=False)

    @classmethod
    def from_json(cls, data: JsonObject) -> StuckJob:
        return cls(
            id=str(data["id"]),
            owner=str(data["owner"]),
            state=str(data["state"]),
            unchanged_s=float(data["unchanged_s"]),
            stages=tuple(map(StuckStage.from_json, data["stages"])),
            document=data,
        )
