"""REST's JSON and gRPC's messages in one form, so that they can be compared."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from google.protobuf.message import Message
from voicepipe_wire.rpc.convert import values_of

_NOTHING: tuple[Any, ...] = (None, "", 0, False, [], {})


def as_rest(message: Message) -> dict[str, Any]:
    """The values of a message; times are texts as in JSON."""
    found: dict[str, Any] = _texts(values_of(message))
    return found


def pruned(value: Any) -> Any:
    """Without what a message does not tell from a field that is not set, and with numbers and times in one form."""
    if isinstance(value, dict):
        kept = {key: pruned(each) for key, each in value.items()}
        return {key: each for key, each in kept.items() if each not in _NOTHING}
    if isinstance(value, list):
        return [pruned(each) for each in value]
    if isinstance(value, str) and len(value) > 19 and value[10:11] == "T":
        return datetime.fromisoformat(value).isoformat()
    return value


def _texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _texts(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_texts(each) for each in value]
    return value.isoformat() if isinstance(value, datetime) else value
