"""Dead letters as they are read from their stream, and which of them a filter selects. Does no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from voicepipe_wire.errors import Reject
from voicepipe_wire.messaging import dead_letters
from voicepipe_wire.messaging.envelope import unpack
from voicepipe_wire.messaging.stream_reader import Stored

from .events.job_events import as_json


@dataclass(frozen=True, slots=True)
class Entry:
    """A dead letter. Without `command` its payload cannot be read; only the command of a stage or of a user has a job."""

    sequence: int
    stage: str
    subject: str
    code: str
    error: str
    attempts: int
    failed_at: datetime
    command: str | None
    job_id: UUID | None
    owner_id: UUID | None
    payload: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Criteria that all have to be met; None selects every entry. The times are exclusive."""

    stage: str | None = None
    code: str | None = None
    owner_id: UUID | None = None
    failed_after: datetime | None = None
    failed_before: datetime | None = None

    @property
    def needs_reading(self) -> bool:
        """Whether an entry has to be read to decide. Its stage is in its subject."""
        return any(each is not None for each in (self.code, self.owner_id, self.failed_after, self.failed_before))

    def selects(self, entry: Entry) -> bool:
        return (
            self.stage in {None, entry.stage}
            and self.code in {None, entry.code}
            and self.owner_id in {None, entry.owner_id}
            and (self.failed_after is None or entry.failed_at > self.failed_after)
            and (self.failed_before is None or entry.failed_at < self.failed_before)
        )


def read(stored: Stored) -> Entry:
    headers = stored.headers
    try:
        _, message = unpack(headers, stored.payload)
        command, payload = message.DESCRIPTOR.name, as_json(message)
    except Reject:
        command, payload = None, None
    return Entry(
        sequence=stored.sequence,
        stage=stored.subject.partition(".")[2],
        subject=headers.get(dead_letters.SUBJECT, ""),
        code=headers.get(dead_letters.CODE, ""),
        error=headers.get(dead_letters.ERROR, ""),
        attempts=int(headers.get(dead_letters.ATTEMPTS, 0)),
        failed_at=datetime.fromisoformat(headers[dead_letters.FAILED_AT]),
        command=command,
        job_id=_uuid((payload or {}).get("job_id")),
        owner_id=_uuid((payload or {}).get("owner_id")),
        payload=payload,
    )


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
