"""Pagination cursors, opaque to clients: the row after which the next page starts. Pure.

A cursor stays valid while rows are added and removed. It is validated but not signed: every query is filtered by owner,
so a forged cursor reveals nothing.
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
    """The position of a cursor.

    Raises:
        Problem: 400 `bad_cursor`.
    """
    try:
        microseconds, id_bytes = _POSITION.unpack(base64.b64decode(cursor, altchars=b"-_", validate=True))
        return Position(_EPOCH + timedelta(microseconds=microseconds), UUID(bytes=id_bytes))
    except (binascii.Error, struct.error, ValueError, OverflowError):
        raise Problem.of("bad_cursor") from None
