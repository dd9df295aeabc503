"""What the worker and its pipeline process tell each other: one JSON object a line.

The worker writes a request to the process's stdin, a socket, with the descriptor of the samples beside it (`SCM_RIGHTS`):
`{"min_speakers": 2, "max_speakers": null}`. The process answers on its stdout:

| message | when |
|---|---|
| `{"loaded": {"name", "revision"}}` or `{"unusable": REASON}` | once, after its start |
| `{"done": SHARE}` | during a recording, the share of the work in [0, 1]; 1 means that only the clustering is left |
| `{"result": DIARIZATION}` or `{"failed": REASON}` | after a recording |
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

REQUEST_BYTES = 1 << 12  # more than any request has
ANSWER_BYTES = 1 << 26  # more than the turns of a day have


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the number of speakers; None means no bound."""

    min_speakers: int | None = None
    max_speakers: int | None = None

    def to_request(self) -> bytes:
        return encode(asdict(self))

    @classmethod
    def from_request(cls, data: bytes) -> Limits:
        return cls(**json.loads(data))


def encode(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"
