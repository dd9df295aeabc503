"""What the client makes of messages and of failed calls, without a server."""

import hashlib
from datetime import UTC, datetime

import grpc
import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st
from voicepipe.client import ApiError, UnexpectedAnswer
from voicepipe.digest import Digest
from voicepipe.events import ChunkTranscribed
from voicepipe.model import Transcription
from voicepipe.pace import TransientError
from voicepipe.rpc.documents import document_of, filled
from voicepipe.rpc.events import arrival_of
from voicepipe.rpc.failures import failure_of
from voicepipe.server import Arrival
from voicepipe_api.v1 import admin_pb2, events_pb2, transcription_pb2, transcriptions_pb2

MOMENT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
URL = "http://server"


def timestamp():
    moment = Timestamp()
    moment.FromDatetime(MOMENT)
    return moment


def failed(code, text="It failed.", *details):
    packed = [Any() for _ in details]
    for each, detail in zip(packed, details, strict=True):
        each.Pack(detail)
    status = Status(code=code.value[0], message=text, details=packed)
    trailing = grpc.aio.Metadata(("grpc-status-details-bin", status.SerializeToString()))
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing if details else grpc.aio.Metadata(), text)


def test_what_is_not_set_is_null_and_enums_and_times_are_text():
    message = transcription_pb2.Transcription(
        id="1", state=transcription_pb2.JOB_STATE_QUEUED, created_at=timestamp(), queue_position=0, size_bytes=2**40
    )
    document = document_of(message)
    assert (document["state"], document["created_at"]) == ("queued", "2026-03-01T09:30:00Z")
    assert (document["queue_position"], document["eta_s"], document["error"]) == (0, None, None)
    assert (document["size_bytes"], document["stages"]) == (2**40, [])
    assert Transcription.from_json(document).created_at == MOMENT


def test_maps_and_structures_are_objects():
    payload = Struct()
    payload.update({"chunk": 3, "parts": ["a"]})
    document = document_of(admin_pb2.DeadLetter(sequence=1, payload=payload, headers={"ce-type": "x"}))
    assert document["payload"] == {"chunk": 3, "parts": ["a"]}
    assert document["headers"] == {"ce-type": "x"}


def test_an_enum_value_that_is_newer_than_the_client_is_its_number():
    assert document_of(transcription_pb2.StageProgress(stage=77))["stage"] == "77"


def test_texts_become_fields():
    values = {"page_size": "5", "states": ["failed"], "created_after": "2026-03-01T10:30:00+01:00", "name": None}
    message = filled(transcriptions_pb2.ListTranscriptionsRequest(), values)
    assert message == transcriptions_pb2.ListTranscriptionsRequest(
        page_size=5, states=[transcription_pb2.JOB_STATE_FAILED], created_after=timestamp()
    )


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"states": ["done"]}, "states: 'done' is not one of uploaded, queued"),
        ({"states": ["unspecified"]}, "states: 'unspecified'"),
        ({"page_size": "many"}, "page_size"),
        ({"page_size": 2**40}, "page_size"),
        ({"created_after": "2026-03-01"}, "created_after: '2026-03-01' has no offset"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_the_name_of_its_field(values, says):
    with pytest.raises(ValueError, match=says):
        filled(transcriptions_pb2.ListTranscriptionsRequest(), values)


def test_an_event_has_the_type_and_the_fields_that_it_has_over_rest():
    chunk = events_pb2.ChunkTranscribed(job_id="1", chunk_index=2, text="hi", language="en", end_s=1.5)
    arrival = arrival_of(events_pb2.TranscriptionEvent(sequence=9, chunk_transcribed=chunk))
    assert (arrival.last_event_id, arrival.event.type) == ("9", "chunk-transcribed")
    assert arrival.event.detail == ChunkTranscribed(2, 0.0, 1.5, "hi", "en", 0.0, 0.0)
    assert arrival.event.document["job_id"] == "1"


def test_a_heartbeat_is_a_sign_of_life_and_an_unknown_event_is_passed_over():
    assert arrival_of(events_pb2.TranscriptionEvent(heartbeat=events_pb2.Heartbeat())) == Arrival()
    assert arrival_of(events_pb2.TranscriptionEvent(sequence=4)) == Arrival(last_event_id="4")


def test_a_refusal_has_the_code_and_the_status_of_rest():
    info = ErrorInfo(reason="INVALID_OPTION", domain="voicepipe")
    failure = failure_of(failed(grpc.StatusCode.INVALID_ARGUMENT, "No.", info), URL)
    assert isinstance(failure, ApiError)
    assert (failure.status, failure.code, failure.detail) == (422, "invalid_option", "No.")


@pytest.mark.parametrize(
    ("code", "reason", "not_carried_out"),
    [
        (grpc.StatusCode.UNAVAILABLE, "BUSY", True),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS", True),
        (grpc.StatusCode.INTERNAL, "INTERNAL_ERROR", False),
    ],
)
def test_a_passing_failure_is_tried_again_after_the_pause_that_the_server_asks_for(code, reason, not_carried_out):
    details = ErrorInfo(reason=reason), RetryInfo(retry_delay=Duration(seconds=7))
    failure = failure_of(failed(code, "Later.", *details), URL)
    assert isinstance(failure, TransientError)
    assert (failure.retry_after_s, failure.not_carried_out) == (7.0, not_carried_out)
    assert failure.reason.endswith("Later")


@pytest.mark.parametrize(
    ("code", "text", "reason", "not_carried_out"),
    [
        ("UNAVAILABLE", "failed to connect to all addresses; last error: refused", "no connection", True),
        ("UNAVAILABLE", "DNS resolution failed for server:80", "no connection", True),
        ("UNAVAILABLE", "recvmsg:Connection reset by peer", "the connection broke", False),
        ("UNAVAILABLE", "Received http2 header with status: 502", "502 from a proxy", False),
        ("UNAVAILABLE", "Received http2 header with status: 503", "503 from a proxy", True),
        ("INTERNAL", "Received RST_STREAM with error code 2", "INTERNAL Received RST_STREAM with error code 2", False),
        ("CANCELLED", "Received RST_STREAM with error code 8", "CANCELLED Received RST_STREAM", False),
        ("DEADLINE_EXCEEDED", "Deadline Exceeded", "timed out after 60 s", False),
    ],
)
def test_a_failure_on_the_way_is_transient(code, text, reason, not_carried_out):
    failure = failure_of(failed(grpc.StatusCode[code], text), URL)
    assert isinstance(failure, TransientError)
    assert failure.reason.startswith(reason)
    assert failure.not_carried_out is not_carried_out


def test_a_server_without_grpc_is_unexpected():
    failure = failure_of(failed(grpc.StatusCode.UNIMPLEMENTED, "Received http2 header with status: 404"), URL)
    assert isinstance(failure, UnexpectedAnswer)
    assert "404" in str(failure)


def test_a_refusal_of_a_proxy_has_the_name_of_its_status():
    failure = failure_of(failed(grpc.StatusCode.PERMISSION_DENIED, "Received http2 header with status: 403"), URL)
    assert isinstance(failure, ApiError)
    assert (failure.status, failure.code) == (403, "permission_denied")


@given(st.binary(min_size=1, max_size=200), st.lists(st.integers(0, 200), max_size=8), st.integers(1, 60))
def test_the_hash_is_complete_if_and_only_if_every_byte_was_read(recording, starts, length):
    digest, known = Digest(), 0
    for start in [*starts, known]:
        block = recording[start : start + length]
        digest.add(start, block)
        known = max(known, start + len(block)) if start <= known else known
    complete = hashlib.sha256(recording).digest() if known == len(recording) else None
    assert digest.of(len(recording)) == complete


def test_a_hash_continues_after_blocks_that_were_read_twice():
    digest = Digest()
    for start, block in [(0, b"abcd"), (2, b"cdef"), (0, b"ab"), (6, b"gh")]:
        digest.add(start, block)
    assert digest.of(8) == hashlib.sha256(b"abcdefgh").digest()
