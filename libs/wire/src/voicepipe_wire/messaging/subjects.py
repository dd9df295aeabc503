"""The subjects and streams of the project. Every subject is built here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from google.protobuf.message import Message

WORK = "WORK"
EVENTS = "EVENTS"
DLQ = "DLQ"
ADVISORIES = "ADVISORIES"
BACKLOG = "BACKLOG"

BACKLOG_SUBJECT = "backlog"
POOL_STATES = "pools.>"

MAX_DELIVERIES = f"$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.{WORK}.*"
MSG_TERMINATED = f"$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.{WORK}.*"


class Priority(StrEnum):
    """Premium is served first; standard is never starved."""

    PREMIUM = "premium"
    STANDARD = "standard"


# Control commands of users and operators. Not a stage of a job.
CONTROL = "control"


@dataclass(frozen=True, slots=True)
class Queue:
    """The commands of a stage, or of one pool of a stage. Each priority has a subject and a durable consumer."""

    stage: str
    pool: str | None = None

    def subject(self, priority: str) -> str:
        """The subject of the commands of a priority; `*` for all."""
        return f"work.{self.stage}.{priority}" + (f".{self.pool}" if self.pool else "")

    def consumer(self, priority: str) -> str:
        """The name of the durable consumer."""
        return f"{self.stage}-{priority}" + (f"-{self.pool}" if self.pool else "")


def ask_workers(queue: Queue) -> str:
    """The subject of requests to all workers of a queue."""
    return f"workers.ask.{queue.stage}" + (f".{queue.pool}" if queue.pool else "")


def tell_worker(name: str) -> str:
    """The subject of requests to one worker."""
    return f"workers.tell.{name}"


def pool_state(queue: Queue) -> str:
    """The subject on which the autoscaler says how the pool of a queue is."""
    return f"pools.{queue.stage}" + (f".{queue.pool}" if queue.pool else "")


def priority_of(subject: str) -> str:
    """The priority of a command, from its subject."""
    return subject.split(".")[2]


def event(owner_id: UUID, job_id: UUID, message: Message) -> str:
    return f"events.{owner_id}.{job_id}.{event_type(message)}"


def events_of(owner_id: UUID, job_id: UUID) -> str:
    return f"events.{owner_id}.{job_id}.>"


def dead_letter(stage: str) -> str:
    return f"dlq.{stage}"


def event_type(message: Message) -> str:
    """`ChunkTranscribed` becomes `chunk-transcribed`, in subjects and for clients."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", message.DESCRIPTOR.name).lower()
