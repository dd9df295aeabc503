"""Dead letters: commands that failed for good, kept in stream DLQ with all that is needed to redrive them.

An entry has the payload and the headers of its command, and the headers below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from nats.aio.msg import Msg

from .broker import JetStream
from .envelope import MSG_ID
from .subjects import dead_letter

SUBJECT = "vp-subject"
CODE = "vp-code"
ERROR = "vp-error"
ATTEMPTS = "vp-attempts"
FAILED_AT = "vp-failed-at"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """`subject` is that of the command; `attempts` is the number of its deliveries."""

    subject: str
    headers: Mapping[str, str]
    payload: bytes
    code: str
    error: str
    attempts: int

    @property
    def stage(self) -> str:
        return self.subject.split(".")[1]

    @classmethod
    def from_message(cls, message: Msg, code: str, error: str) -> DeadLetter:
        """The entry for a delivered message."""
        attempts = message.metadata.num_delivered
        return cls(message.subject, dict(message.headers or {}), message.data, code, error, attempts)

    async def publish(self, jetstream: JetStream) -> int:
        """Store the entry and return its sequence. The stream drops a second entry for the same command.

        Raises:
            ConnectionError: NATS is unavailable.
        """
        headers = {
            **self.headers,
            MSG_ID: f"dlq-{self.headers.get(MSG_ID, '')}",
            SUBJECT: self.subject,
            CODE: self.code,
            # A header is one line.
            ERROR: " ".join(self.error.split())[:500],
            ATTEMPTS: str(self.attempts),
            FAILED_AT: datetime.now(UTC).isoformat(),
        }
        return await jetstream.publish(dead_letter(self.stage), self.payload, headers)
