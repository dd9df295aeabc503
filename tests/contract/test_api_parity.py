"""REST and gRPC offer the same: operations, parameters, options, fields, enumerations and events."""

from __future__ import annotations

import re
from dataclasses import fields as fields_of
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from contract.api_parity import (
    ENUMS,
    FIELDS,
    ONLY_GRPC,
    ONLY_REST,
    OPERATIONS,
    REQUEST_FIELDS,
    SCHEMAS,
    WITHOUT_MESSAGE,
    as_markdown,
)
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, MethodDescriptor
from voicepipe_api.v1 import (
    admin_pb2,
    events_pb2,
    installation_pb2,
    transcript_pb2,
    transcription_pb2,
    transcriptions_pb2,
    uploads_pb2,
)
from voicepipe_status import app as status
from voicepipe_status.events.job_events import FINAL_TYPES
from voicepipe_status.formats.transcript_formats import Format
from voicepipe_upload import app as upload
from voicepipe_upload import options
from voicepipe_upload.tus.handlers import TusUploads
from voicepipe_wire.rpc.convert import text_of
from voicepipe_wire.transcript import document, media, turns
from voicepipe_wire.v1 import events_pb2 as internal_events
from voicepipe_wire.web.auth import Authenticator

ROOT = Path(__file__).parents[2]
MODULES = [
    module.DESCRIPTOR
    for module in (
        admin_pb2,
        events_pb2,
        installation_pb2,
        transcript_pb2,
        transcription_pb2,
        transcriptions_pb2,
        uploads_pb2,
    )
]
MESSAGES: dict[str, Descriptor] = {n: d for file in MODULES for n, d in file.message_types_by_name.items()}
ENUM_TYPES: dict[str, EnumDescriptor] = {n: d for file in MODULES for n, d in file.enum_types_by_name.items()}
METHODS: dict[str, MethodDescriptor] = {
    f"{service.name}.{method.name}": method
    for file in MODULES
    for service in file.services_by_name.values()
    for method in service.methods
}


def _documents() -> list[dict[str, Any]]:
    limits = SimpleNamespace(admission=SimpleNamespace(max_bytes=1))
    tus = TusUploads(limits, SimpleNamespace(), pace=None)
    received_by = upload.Protocols(SimpleNamespace(), tus, SimpleNamespace(), Authenticator(SimpleNamespace()))
    return [
        upload.create(received_by).openapi(),
        status.create(SimpleNamespace(authenticate=None)).openapi(),
    ]


UPLOAD, STATUS = _documents()
REST: dict[str, dict[str, Any]] = {
    f"{verb.upper()} {path}": described
    for openapi in (UPLOAD, STATUS)
    for path, verbs in openapi["paths"].items()
    for verb, described in verbs.items()
}
STATUS_SCHEMAS: dict[str, dict[str, Any]] = STATUS["components"]["schemas"]
OBJECTS = {name: schema for name, schema in STATUS_SCHEMAS.items() if schema.get("type") == "object"}
COMPARED = {name: schema for name, schema in OBJECTS.items() if name not in WITHOUT_MESSAGE}


def words(enum: EnumDescriptor) -> set[str]:
    return {text_of(enum, value.number) for value in enum.values} - {"unspecified"}


def all_fields(message: Descriptor) -> dict[str, FieldDescriptor]:
    """The fields of a request, and those of the messages in it."""
    found = {each.name: each for each in message.fields}
    for each in message.fields:
        if each.message_type is not None and each.message_type.full_name.startswith("voicepipe."):
            found |= all_fields(each.message_type)
    return found


def test_every_operation_of_rest_has_its_method_and_the_reverse():
    assert set(OPERATIONS) == set(REST)
    named = [method for operation in OPERATIONS.values() for method in operation.methods]
    assert set(named) == set(METHODS)
    assert all(operation.methods or operation.why for operation in OPERATIONS.values())


def rest_parameters(rest: str) -> set[str]:
    """Names in the address, the query, the headers and the JSON body."""
    found = {each["name"] for each in REST[rest].get("parameters", ())} | set(re.findall(r"{(\w+)}", rest))
    for content in REST[rest].get("requestBody", {}).get("content", {}).values():
        found |= set(_properties(content["schema"])) - {"file"}
    return found


def _properties(schema: dict[str, Any]) -> dict[str, Any]:
    for each in (schema, *schema.get("anyOf", ())):
        if "$ref" in each:
            return dict(STATUS_SCHEMAS[each["$ref"].rpartition("/")[2]]["properties"])
    return dict(schema.get("properties", {}))


@pytest.mark.parametrize("rest", [rest for rest, operation in OPERATIONS.items() if operation.methods])
def test_every_parameter_of_rest_has_its_field(rest: str):
    operation = OPERATIONS[rest]
    fields = {name for method in operation.methods for name in all_fields(METHODS[method].input_type)}
    given = rest_parameters(rest) - set(operation.without)
    assert {operation.parameters.get(name, name) for name in given} - fields == set()
    unknown = set(operation.without) - rest_parameters(rest)
    assert unknown == set()


@pytest.mark.parametrize("method", METHODS)
def test_every_field_of_a_request_has_its_parameter(method: str):
    given = {
        operation.parameters.get(name, name)
        for rest, operation in OPERATIONS.items()
        if method in operation.methods
        for name in rest_parameters(rest)
    }
    assert set(all_fields(METHODS[method].input_type)) - given - set(REQUEST_FIELDS) == set()


def message_of(schema: str) -> Descriptor:
    return MESSAGES[SCHEMAS.get(schema, schema)]


@pytest.mark.parametrize("name", COMPARED)
def test_a_schema_and_its_message_have_the_same_fields(name: str):
    message = message_of(name)
    rest = {FIELDS.get(each, each) for each in COMPARED[name]["properties"]}
    extra = set(ONLY_GRPC.get(message.name, ())) - rest
    assert {each.name for each in message.fields} - extra == rest


TYPES = {
    "integer": {FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64},
    "number": {FieldDescriptor.CPPTYPE_DOUBLE},
    "boolean": {FieldDescriptor.CPPTYPE_BOOL},
    "string": {FieldDescriptor.CPPTYPE_STRING, FieldDescriptor.CPPTYPE_ENUM, FieldDescriptor.CPPTYPE_MESSAGE},
    "object": {FieldDescriptor.CPPTYPE_MESSAGE},
}


@pytest.mark.parametrize(
    ("schema", "name"), [(schema, name) for schema in COMPARED for name in COMPARED[schema]["properties"]]
)
def test_a_field_has_the_type_of_its_schema_and_is_not_set_where_that_is_null(schema: str, name: str):
    described, field = COMPARED[schema]["properties"][name], message_of(schema).fields_by_name[FIELDS.get(name, name)]
    choices = described.get("anyOf", [described])
    is_nullable = any(each.get("type") == "null" for each in choices)
    kind = next(each for each in choices if each.get("type") != "null")
    if kind.get("type") == "array":
        assert field.is_repeated
        kind = kind["items"]
    elif is_nullable and name not in FIELDS:
        assert field.has_presence
    if "$ref" in kind:
        target = kind["$ref"].rpartition("/")[2]
        found = field.message_type or field.enum_type
        assert found.name == {**SCHEMAS, **ENUMS}.get(target, target)
    else:
        assert field.cpp_type in TYPES[kind["type"]]
        is_time = kind.get("format") == "date-time"
        assert is_time == (field.message_type is not None and field.message_type.name == "Timestamp")


def option_schemas() -> dict[str, Any]:
    body = REST["POST /v1/transcriptions"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    return {name: schema for name, schema in body["properties"].items() if name != "file"}


ENUMERATIONS = {
    **{ENUMS.get(name, name): set(schema["enum"]) for name, schema in STATUS_SCHEMAS.items() if "enum" in schema},
    "PoolState": {
        *STATUS_SCHEMAS["Model"]["properties"]["state"]["enum"],
        *STATUS_SCHEMAS["Speakers"]["properties"]["state"]["enum"],
    },
    "SnapshotState": set(STATUS_SCHEMAS["Queues"]["properties"]["state"]["enum"]),
    "ActionKind": set(STATUS_SCHEMAS["OperatorAction"]["properties"]["action"]["enum"]),
    "Task": set(options.TASKS),
    "Priority": set(option_schemas()["priority"]["enum"]),
    "Channels": set(option_schemas()["channels"]["enum"]),
    "ChannelMode": set(STATUS_SCHEMAS["Media"]["properties"]["channel_mode"]["enum"]),
    "ChannelReason": set(STATUS_SCHEMAS["Media"]["properties"]["channel_reason"]["enum"]),
    "TrackState": set(STATUS_SCHEMAS["AudioTrack"]["properties"]["state"]["enum"]),
    "TranscriptFormat": set(Format),
}


@pytest.mark.parametrize("name", ENUM_TYPES)
def test_an_enumeration_has_the_same_values(name: str):
    assert words(ENUM_TYPES[name]) == ENUMERATIONS[name]


def test_the_options_are_the_same():
    fields = {each.name for each in MESSAGES["TranscriptionOptions"].fields}
    assert fields == set(options.NAMES) == set(option_schemas())
    queried = {each["name"] for each in REST["POST /v1/transcriptions"]["parameters"] if each["in"] == "query"}
    assert fields == queried - {"name"}


def test_the_resolved_options_are_the_same():
    model = options.Model("accurate", "accurate", frozenset({"en"}), frozenset(options.TASKS))
    resolved = options.resolve(options.Options(), [model])
    assert set(resolved) == {each.name for each in MESSAGES["ResolvedOptions"].fields}
    assert set(resolved["model"]) == {each.name for each in MESSAGES["ModelReference"].fields}


def test_upload_answers_with_a_part_of_the_transcription():
    for name in ("Transcription", "Links"):
        properties = set(UPLOAD["components"]["schemas"][name]["properties"])
        assert properties <= {each.name for each in MESSAGES[name].fields}


DOCUMENT = {
    "Segment": document.TranscriptSegment,
    "Word": document.TranscriptWord,
    "Turn": turns.Turn,
    "Gap": document.Gap,
    "Notice": document.Notice,
    "Speaker": document.Speaker,
    "ModelUsed": document.ModelUsed,
    "DiarizedBy": turns.DiarizedBy,
    "Media": media.Media,
    "AudioTrack": media.AudioTrack,
}


@pytest.mark.parametrize("message", DOCUMENT)
def test_the_parts_of_a_transcript_are_those_of_the_document(message: str):
    assert {each.name for each in MESSAGES[message].fields} == {each.name for each in fields_of(DOCUMENT[message])}


def test_the_header_and_the_batches_make_the_whole_document():
    batches = {each.name for each in MESSAGES["TranscriptPart"].fields} - {"header"}
    found = {each.name for each in MESSAGES["TranscriptHeader"].fields} | batches
    assert found == ({each.name for each in fields_of(document.Transcript)} | {"schema"}) - set(ONLY_REST)


def events() -> dict[str, Descriptor]:
    (oneof,) = MESSAGES["TranscriptionEvent"].oneofs
    return {each.name: each.message_type for each in oneof.fields if each.name != "heartbeat"}


def test_the_events_are_those_that_services_publish():
    assert {each.name for each in events().values()} == set(internal_events.DESCRIPTOR.message_types_by_name)
    for name, message in events().items():
        # `job_created` over gRPC is `job-created` over SSE, after the name of its message.
        assert name == re.sub(r"(?<!^)(?=[A-Z])", "_", message.name).lower()
    assert {each.replace("-", "_") for each in FINAL_TYPES} <= set(events())


@pytest.mark.parametrize("name", events())
def test_an_event_has_the_same_fields(name: str):
    message = events()[name]
    internal = internal_events.DESCRIPTOR.message_types_by_name[message.name]
    for field in message.fields:
        same = internal.fields_by_name[field.name]
        assert field.enum_type is not None or field.cpp_type == same.cpp_type
    assert {each.name for each in message.fields} == {each.name for each in internal.fields}


def test_every_exception_is_needed():
    assert set(SCHEMAS) | set(WITHOUT_MESSAGE) <= set(OBJECTS)
    assert set(SCHEMAS.values()) <= set(MESSAGES)
    assert set(ENUMS) <= set(STATUS_SCHEMAS)
    for message, fields in ONLY_GRPC.items():
        assert set(fields) <= {each.name for each in MESSAGES[message].fields}
    asked = {name for method in METHODS.values() for name in all_fields(method.input_type)}
    assert set(REQUEST_FIELDS) <= asked


def test_the_documentation_shows_the_tables():
    assert (ROOT / "docs/api-parity.md").read_text(encoding="utf-8") == as_markdown(), (
        "regenerate it: PYTHONPATH=tests python -m contract.api_parity > docs/api-parity.md"
    )
