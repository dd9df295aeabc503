"""Values and messages: nothing is lost on the way there and back."""

from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from uuid import UUID

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st
from voicepipe_api.v1 import (
    admin_pb2,
    events_pb2,
    installation_pb2,
    transcript_pb2,
    transcription_pb2,
    transcriptions_pb2,
    uploads_pb2,
)
from voicepipe_wire.errors import Problem
from voicepipe_wire.rpc.convert import filled, text_of, values_of

MODULES = (
    admin_pb2,
    events_pb2,
    installation_pb2,
    transcript_pb2,
    transcription_pb2,
    transcriptions_pb2,
    uploads_pb2,
)
MESSAGES = [
    getattr(module, name) for module in MODULES for name in module.DESCRIPTOR.message_types_by_name
]  # fmt: skip
Kind = FieldDescriptor
SCALARS = {
    Kind.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    Kind.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    Kind.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
    Kind.CPPTYPE_DOUBLE: st.floats(allow_nan=False).map(
        lambda value: value + 0.0
    ),  # no -0.0: it equals what is not set
    Kind.CPPTYPE_BOOL: st.booleans(),
}
MOMENTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
JSON = st.dictionaries(
    st.text(st.characters(codec="utf-8"), max_size=5),
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=5,
    ),
    max_size=3,
)


def value_of(field):
    if field.enum_type is not None:
        return st.sampled_from(range(len(field.enum_type.values))).map(lambda number: text_of(field.enum_type, number))
    if field.message_type is not None:
        known = {"google.protobuf.Timestamp": MOMENTS, "google.protobuf.Struct": JSON}
        others = st.deferred(lambda: values(field.message_type))
        return known.get(field.message_type.full_name, others)
    if field.type == Kind.TYPE_STRING:
        return st.text(st.characters(codec="utf-8"), max_size=10)
    return st.binary(max_size=10) if field.type == Kind.TYPE_BYTES else SCALARS[field.cpp_type]


def values(descriptor):
    """Values of any fields of a message, in each `oneof` at most one."""
    fields = {}
    for field in descriptor.fields:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            key, value = field.message_type.fields
            fields[field.name] = st.dictionaries(value_of(key), value_of(value), max_size=3)
        else:
            fields[field.name] = st.lists(value_of(field), max_size=2) if field.is_repeated else value_of(field)
    groups = [{each.name for each in oneof.fields} for oneof in descriptor.oneofs if len(oneof.fields) > 1]

    def one_of_each(chosen):
        extra = {name for group in groups for name in [each for each in chosen if each in group][1:]}
        return {name: value for name, value in chosen.items() if name not in extra}

    return st.fixed_dictionaries({}, optional=fields).map(one_of_each)


def set_fields(descriptor, given_values):
    """What of these values a message can tell from a field that is not set."""
    kept = {}
    for field in descriptor.fields:
        if field.name not in given_values:
            continue
        value = given_values[field.name]
        is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
        if field.message_type is not None and not is_map and "google." not in field.message_type.full_name:
            value = (
                [set_fields(field.message_type, each) for each in value]
                if field.is_repeated
                else set_fields(field.message_type, value)
            )
        empty = value in ([], {}) if field.is_repeated else value in ("", 0, b"", False, "unspecified")
        if not empty or (field.has_presence and not field.is_repeated):
            kept[field.name] = value
    return kept


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.DESCRIPTOR.name)
@settings(max_examples=25)
@given(data=st.data())
def test_values_come_back_from_a_message(kind, data):
    given_values = data.draw(values(kind.DESCRIPTOR))
    message = filled(kind(), given_values)
    assert values_of(message) == set_fields(kind.DESCRIPTOR, given_values)
    assert values_of(kind.FromString(message.SerializeToString())) == values_of(message)
    assert filled(kind(), values_of(message)) == message


class State(StrEnum):
    QUEUED = "queued"


def test_texts_of_enums_and_ids_may_be_of_richer_types():
    job_id = UUID(int=5)
    message = filled(transcription_pb2.Transcription(), {"id": job_id, "state": State.QUEUED})
    assert (message.id, message.state) == (str(job_id), transcription_pb2.JOB_STATE_QUEUED)


def test_a_null_is_a_field_that_is_not_set():
    message = filled(
        transcription_pb2.Transcription(), {"duration_s": None, "error": None, "stages": None, "eta_s": 0.0}
    )
    assert message.HasField("eta_s")
    assert not message.HasField("duration_s")
    assert not message.HasField("error")
    assert values_of(message) == {"eta_s": 0.0}


def test_an_empty_message_is_set():
    assert filled(events_pb2.TranscriptionEvent(), {"heartbeat": {}}).WhichOneof("event") == "heartbeat"


def test_values_without_a_field_are_left_out():
    assert filled(transcription_pb2.Notice(), {"code": "a", "schema": 1}) == transcription_pb2.Notice(code="a")


def test_a_text_that_the_contract_does_not_have_is_unspecified():
    message = filled(transcription_pb2.Transcription(), {"state": "dreaming"})
    assert message.state == transcription_pb2.JOB_STATE_UNSPECIFIED
    assert "state" not in values_of(message)


def test_the_number_of_an_enum_value_of_a_newer_version_is_its_text():
    request = transcriptions_pb2.ListTranscriptionsRequest.FromString(b"\x1a\x02\x63\x00")
    assert values_of(request) == {"states": ["99", "unspecified"]}


def test_times_keep_their_moment_and_become_utc():
    there = datetime(2026, 3, 1, 12, 0, 0, 250_000, timezone(timedelta(hours=5)))
    for given_time in (there, there.isoformat()):
        message = filled(transcription_pb2.Transcription(), {"created_at": given_time})
        (found,) = values_of(message).values()
        assert (found, found.tzinfo) == (there, UTC)


@pytest.mark.parametrize("moment", [Timestamp(seconds=2**62), Timestamp(seconds=-(2**62)), Timestamp(nanos=-5)])
def test_a_time_that_no_calendar_has_is_an_invalid_request(moment):
    request = transcriptions_pb2.ListTranscriptionsRequest(created_after=moment)
    with pytest.raises(Problem) as error:
        values_of(request)
    assert (error.value.code, error.value.members["fields"][0]["field"]) == ("invalid_request", "created_after")


@pytest.mark.parametrize(
    "wrong", [{"size_bytes": "many"}, {"stages": 5}, {"created_at": "yesterday"}, {"size_bytes": 2**70}]
)
def test_a_value_of_another_type_than_its_field_is_an_error(wrong):
    with pytest.raises((TypeError, ValueError)):
        filled(transcription_pb2.Transcription(), wrong)
