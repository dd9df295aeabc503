"""Every message has a golden example that this version decodes, and is documented where it is defined."""

import base64
import json
import re
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from voicepipe_wire.errors import Reject
from voicepipe_wire.messaging import subjects
from voicepipe_wire.messaging.envelope import TYPES, headers_for, unpack
from voicepipe_wire.v1.commands_pb2 import TranscribeChunk
from voicepipe_wire.v1.events_pb2 import DESCRIPTOR as EVENTS

PROTO = Path(__file__).parents[3] / "proto"
EXAMPLES = sorted((PROTO / "examples").glob("*.json"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_golden_example_is_decoded(path):
    example = json.loads(path.read_text())
    envelope, message = unpack(example["headers"], base64.b64decode(example["payload_base64"]))
    assert message == ParseDict(example["payload"], TYPES[envelope.type]())
    assert MessageToDict(message, preserving_proto_field_name=True) == example["payload"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_has_the_subject_of_its_message(path):
    example = json.loads(path.read_text())
    _, message = unpack(example["headers"], base64.b64decode(example["payload_base64"]))
    kind = example["subject"].split(".")[0]
    if message.DESCRIPTOR.file.name == EVENTS.name:
        _, owner_id, job_id, _ = example["subject"].split(".")
        assert example["subject"] == subjects.event(UUID(owner_id), UUID(job_id), message)
    else:
        assert kind == "work"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_producers_and_consumers_are_documented_with_the_definition(path):
    """The comment in the proto file names the producers and consumers of the example."""
    example = json.loads(path.read_text())
    name = example["headers"]["ce-type"].rpartition(".")[2]
    text = "".join((PROTO / "voicepipe" / "v1" / file).read_text() for file in ("commands.proto", "events.proto"))
    comment = re.search(rf"((?://[^\n]*\n)+)message {name} ", text)
    assert comment, name
    for part in {*example["producers"], *example["consumers"]} - {"status"}:
        assert part.split()[0] in comment[1] or part.split()[-1] in comment[1], part


def test_every_message_has_an_example():
    named = {json.loads(path.read_text())["headers"]["ce-type"] for path in EXAMPLES}
    assert named == set(TYPES)


def test_a_packed_message_is_unpacked_unchanged():
    message, message_id = TranscribeChunk(job_id="a", owner_id="b", chunk_index=3), uuid4()
    envelope, again = unpack(headers_for(message, message_id, "orchestrator"), message.SerializeToString())
    assert (envelope.id, envelope.source, again) == (message_id, "/voicepipe/orchestrator", message)


@pytest.mark.parametrize(
    ("headers", "payload"),
    [
        (None, b""),
        ({}, b""),
        ({"ce-id": "no uuid", "ce-type": "voicepipe.v1.CancelJob"}, b""),
        (headers_for(TranscribeChunk(), uuid4(), "x") | {"ce-type": "voicepipe.v1.Unknown"}, b""),
        (headers_for(TranscribeChunk(), uuid4(), "x"), b"\xff\xff\xff"),
    ],
)
def test_a_malformed_or_unknown_message_is_rejected(headers, payload):
    with pytest.raises(Reject) as caught:
        unpack(headers, payload)
    assert caught.value.code == "bad_message"
