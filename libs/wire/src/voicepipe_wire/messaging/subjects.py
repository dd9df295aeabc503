"""The subjects and streams of the project. Every subject is built here."""

from __future__ import annotations

import re
from enum import StrEnum
from uuid import UUID

from google.protobuf.message import Message

WORK = "WORK"
EVENTS = "EVENTS"
DLQ = "DLQ"
ADVISORIES = "ADVISORIES"

MAX_DELIVERIES = f"$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.{WORK}.*"
MSG_TERMINATED = f"$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.{WORK}.*"


class Priority(StrEnum):
    """Premium is served first; standard is never starved."""

    PREMIUM = "premium"
    STANDARD = "standard"


# Control commands of users and operators. Not a stage of a job.
CONTROL = "control"


def work(stage: str, priority: str) -> str:
    return f"work.{stage}.{priority}"


def event(owner_id: UUID, job_id: UUID, message: Message) -> str:
    return f"events.{owner_id}.{job_id}.{event_type(message)}"


def events_of(owner_id: UUID, job_id: UUID) -> str:
    return f"events.{owner_id}.{job_id}.>"


def dead_letter(stage: str) -> str:
    return f"dlq.{stage}"


def event_type(message: Message) -> str:
    """`ChunkTranscribed` becomes `chunk-transcribed`, in subjects and for clients."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", message.DESCRIPTOR.name).lower()
