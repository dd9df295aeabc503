"""A position in a list, opaque to clients: the row after which the next page begins.

It survives rows that come and go. It is checked, not signed: every query is filtered by its owner, so a made-up cursor shows
nobody anything.
"""

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from voicepipe_wire.errors import Problem

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_POSITION = struct.Struct(">q16s")


@dataclass(frozen=True, slots=True)
class Position:
    created_at: datetime
    id: UUID


def encode(position: Position) -> str:
    return base64.urlsafe_b64encode(
        _POSITION.pack((position.created_at - _EPOCH) // _MICROSECOND, position.id.bytes)
    ).decode()


def decode(cursor: str) -> Position:
    """Raises Problem 400 `bad_cursor`."""
    try:
        microseconds, id_bytes = _POSITION.unpack(base64.b64decode(cursor, altchars=b"-_", validate=True))
        return Position(_EPOCH + timedelta(microseconds=microseconds), UUID(bytes=id_bytes))
    except (binascii.Error, struct.error, ValueError, OverflowError):
        raise Problem.of("bad_cursor") from None
