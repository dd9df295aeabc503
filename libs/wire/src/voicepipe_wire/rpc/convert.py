"""Values and protobuf messages, converted by the names of their fields. Pure.

The public API has the same fields over REST and gRPC, so no conversion is written by hand. A null is a field that is not set; an
enum value `JOB_STATE_QUEUED` is the text `queued`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from google.protobuf import json_format
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from voicepipe_wire.errors import Problem

M = TypeVar("M", bound=Message)

Values = Mapping[str, Any]


def filled(message: M, values: Values) -> M:
    """The message, with the fields that `values` has. Further values are left out.

    Raises:
        TypeError, ValueError: a value has another type than its field.
    """
    fields: Sequence[Any] = message.DESCRIPTOR.fields
    for field in fields:
        value = values.get(field.name)
        if value is not None:
            _set(message, field, value)
    return message


def values_of(message: Message) -> dict[str, Any]:
    """The fields that are set, enums as text. A field without presence counts as set if it is not zero or empty.

    Raises:
        Problem: 422 `invalid_request`: a time is not between the years 1 and 9999.
    """
    return {field.name: _value(field, value) for field, value in message.ListFields()}


def text_of(enum: EnumDescriptor, number: int) -> str:
    """The text of an enum value: `queued` for JOB_STATE_QUEUED; of a number that this version does not know, the number itself."""
    known = enum.values_by_number.get(number)
    return str(number) if known is None else known.name.removeprefix(_prefix(enum)).lower()


def _set(message: Message, field: FieldDescriptor, value: Any) -> None:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        getattr(message, field.name).update(value)
    elif field.is_repeated:
        target = getattr(message, field.name)
        for each in value:
            if field.message_type is None:
                target.append(_scalar(field, each))
            else:
                _fill(target.add(), each)
    elif field.message_type is None:
        setattr(message, field.name, _scalar(field, value))
    else:
        target = getattr(message, field.name)
        target.SetInParent()
        _fill(target, value)


def _fill(message: Message, value: Any) -> None:
    if isinstance(message, Timestamp):
        message.FromDatetime(datetime.fromisoformat(value) if isinstance(value, str) else value)
    elif isinstance(message, Struct):
        json_format.ParseDict(value, message)
    else:
        filled(message, value)


def _scalar(field: FieldDescriptor, value: Any) -> Any:
    if field.enum_type is not None:
        return _number(field.enum_type, str(value))
    return str(value) if field.type == FieldDescriptor.TYPE_STRING else value


def _number(enum: EnumDescriptor, text: str) -> int:
    """The number of an enum value; 0, which is `UNSPECIFIED`, for a text that the contract does not have yet."""
    known = enum.values_by_name.get(f"{_prefix(enum)}{text.upper()}")
    return 0 if known is None else int(known.number)


def _prefix(enum: EnumDescriptor) -> str:
    return str(enum.values[0].name).removesuffix("UNSPECIFIED")


def _value(field: FieldDescriptor, value: Any) -> Any:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return dict(value)
    if field.is_repeated:
        items: Sequence[Any] = value
        return [_one(field, each) for each in items]
    return _one(field, value)


def _one(field: FieldDescriptor, value: Any) -> Any:
    if field.enum_type is not None:
        return text_of(field.enum_type, value)
    if isinstance(value, Timestamp):
        return _moment(field, value)
    if isinstance(value, Struct):
        return json_format.MessageToDict(value)
    return values_of(value) if isinstance(value, Message) else value


def _moment(field: FieldDescriptor, value: Timestamp) -> datetime:
    try:
        return value.ToDatetime(UTC)
    except ValueError as error:
        fields = [{"field": field.name, "description": str(error)}]
        raise Problem.of("invalid_request", reason=f"{field.name}: {error}", members={"fields": fields}) from None
