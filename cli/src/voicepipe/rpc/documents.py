"""Messages and the documents of the public API, converted by the names of their fields. Pure.

A field has the same name and unit over REST and gRPC. What differs is how a null, an enum and a time are written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from google.protobuf import json_format
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

M = TypeVar("M", bound=Message)

_INTEGERS: Final = frozenset(
    {
        FieldDescriptor.CPPTYPE_INT32,
        FieldDescriptor.CPPTYPE_INT64,
        FieldDescriptor.CPPTYPE_UINT32,
        FieldDescriptor.CPPTYPE_UINT64,
    }
)


def document_of(message: Message) -> dict[str, Any]:
    """The document that REST has for this message."""
    fields: Sequence[Any] = message.DESCRIPTOR.fields
    return {field.name: _value(message, field) for field in fields}


def filled(message: M, values: Mapping[str, Any]) -> M:
    """The message with these values. Enums and times are text, numbers may be; what is None is not set.

    Raises:
        ValueError: for people, if a value does not fit its field.
    """
    fields: Mapping[str, Any] = message.DESCRIPTOR.fields_by_name
    for name, value in values.items():
        if value is not None:
            try:
                _set(message, fields[name], value)
            except (TypeError, ValueError) as error:
                raise ValueError(f"{name}: {error}") from None
    return message


def _value(message: Message, field: FieldDescriptor) -> Any:
    value = getattr(message, field.name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return dict(value)
    if field.is_repeated:
        return [_one(field, each) for each in value]
    if field.has_presence and not message.HasField(field.name):
        return None
    return _one(field, value)


def _one(field: FieldDescriptor, value: Any) -> Any:
    if field.enum_type is not None:
        return _text(field.enum_type, value)
    match value:
        case Timestamp():
            return value.ToDatetime(UTC).isoformat().replace("+00:00", "Z")
        case Struct():
            return json_format.MessageToDict(value)
        case Message():
            return document_of(value)
        case _:
            return value


def _text(enum: EnumDescriptor, number: int) -> str | None:
    """`queued` for JOB_STATE_QUEUED; None for 0, the number as text if this version of the client does not know it."""
    if number == 0:
        return None
    known = enum.values_by_number.get(number)
    return str(number) if known is None else known.name.removeprefix(_prefix(enum)).lower()


def _set(message: Message, field: FieldDescriptor, value: Any) -> None:
    if field.is_repeated:
        getattr(message, field.name).extend(_scalar(field, each) for each in value)
    elif field.message_type is None:
        setattr(message, field.name, _scalar(field, value))
    elif field.message_type is Timestamp.DESCRIPTOR:
        getattr(message, field.name).FromDatetime(_aware(value))
    else:
        filled(getattr(message, field.name), value)


def _scalar(field: FieldDescriptor, value: Any) -> Any:
    if field.enum_type is not None:
        return _number(field.enum_type, str(value))
    return int(value) if field.cpp_type in _INTEGERS and not isinstance(value, bool) else value


def _number(enum: EnumDescriptor, text: str) -> int:
    """The number of an enum value. Text that is none would reach the server as "not set", so it is refused here."""
    prefix = _prefix(enum)
    known = enum.values_by_name.get(f"{prefix}{text.upper()}")
    if known is None or known.number == 0:
        names = (value.name.removeprefix(prefix).lower() for value in enum.values if value.number)
        raise ValueError(f"'{text}' is not one of {', '.join(names)}")
    return int(known.number)


def _prefix(enum: EnumDescriptor) -> str:
    return str(enum.values[0].name).removesuffix("UNSPECIFIED")


def _aware(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"'{text}' has no offset from UTC")
    return moment
