"""Dead letters: commands that nobody can carry out, kept in stream DLQ with all that is needed to do it later.

The payload is the command's own; its headers are kept, and these are added.
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
    """`subject` is where the command was; `attempts` how often it was delivered."""

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
        """Of a message that was delivered."""
        attempts = message.metadata.num_delivered
        return cls(message.subject, dict(message.headers or {}), message.data, code, error, attempts)

    async def publish(self, jetstream: JetStream) -> int:
        """Store the letter; a second one of the same command is dropped. Raises ConnectionError when NATS is away."""
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
