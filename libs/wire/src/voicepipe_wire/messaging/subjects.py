"""Where messages travel. Every subject that the project uses is built here."""

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
    """Premium goes first, standard never starves."""

    PREMIUM = "premium"
    STANDARD = "standard"


# Requests of users and operators about jobs; not a stage of one.
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
    """`ChunkTranscribed` is `chunk-transcribed`, on the subject and towards clients."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", message.DESCRIPTOR.name).lower()
