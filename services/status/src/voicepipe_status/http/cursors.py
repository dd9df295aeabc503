"""A place in a list, opaque to clients: the row after which the next page begins.

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
_PLACE = struct.Struct(">q16s")


@dataclass(frozen=True, slots=True)
class Place:
    created_at: datetime
    id: UUID


def encode(place: Place) -> str:
    return base64.urlsafe_b64encode(_PLACE.pack((place.created_at - _EPOCH) // _MICROSECOND, place.id.bytes)).decode()


def decode(cursor: str) -> Place:
    """Raises Problem 400 `bad_cursor`."""
    try:
        microseconds, id_bytes = _PLACE.unpack(base64.b64decode(cursor, altchars=b"-_", validate=True))
        return Place(_EPOCH + timedelta(microseconds=microseconds), UUID(bytes=id_bytes))
    except (binascii.Error, struct.error, ValueError, OverflowError):
        raise Problem.of("bad_cursor") from None
