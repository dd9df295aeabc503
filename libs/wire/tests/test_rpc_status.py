"""Problems as google.rpc.Status."""

import json

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from voicepipe_wire.error_catalogue import ERRORS
from voicepipe_wire.errors import Problem
from voicepipe_wire.rpc.status import code_of, status_of

# Google's mapping of status codes (google/rpc/code.proto), and what the catalogue may choose for an HTTP status.
ALLOWED = {
    400: {"INVALID_ARGUMENT", "DATA_LOSS", "OUT_OF_RANGE", "FAILED_PRECONDITION"},
    401: {"UNAUTHENTICATED"},
    403: {"PERMISSION_DENIED"},
    404: {"NOT_FOUND"},
    405: {"UNIMPLEMENTED"},
    406: {"INVALID_ARGUMENT"},
    408: {"DEADLINE_EXCEEDED"},
    409: {"ABORTED", "ALREADY_EXISTS", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED"},
    410: {"FAILED_PRECONDITION", "NOT_FOUND"},
    412: {"FAILED_PRECONDITION"},
    413: {"RESOURCE_EXHAUSTED", "INVALID_ARGUMENT"},
    415: {"INVALID_ARGUMENT"},
    416: {"OUT_OF_RANGE"},
    422: {"INVALID_ARGUMENT", "FAILED_PRECONDITION"},
    429: {"RESOURCE_EXHAUSTED"},
    460: {"DATA_LOSS"},
    500: {"INTERNAL"},
    501: {"UNIMPLEMENTED", "FAILED_PRECONDITION"},
    503: {"UNAVAILABLE"},
}
ANSWERED = [code for code, entry in ERRORS.items() if entry.status is not None]


def details(problem):
    found = {}
    for kind in (ErrorInfo, RetryInfo, BadRequest):
        for each in status_of(problem).details:
            if each.Is(kind.DESCRIPTOR):
                found[kind] = kind()
                each.Unpack(found[kind])
    return found


@pytest.mark.parametrize("code", ANSWERED)
def test_an_error_has_a_grpc_code_that_means_what_its_http_status_means(code):
    entry = ERRORS[code]
    status = code_of(Problem(entry.status, code, "detail"))
    assert status is grpc.StatusCode[entry.grpc]
    assert status.name in ALLOWED[entry.status]


@pytest.mark.parametrize("code", [code for code, entry in ERRORS.items() if entry.status is None])
def test_the_error_of_a_failed_job_is_a_failed_precondition(code):
    assert code_of(Problem(409, code, "detail")) is grpc.StatusCode.FAILED_PRECONDITION


@pytest.mark.parametrize(("status", "code"), [(409, "FAILED_PRECONDITION"), (503, "UNAVAILABLE"), (418, "UNKNOWN")])
def test_a_code_of_another_version_has_the_grpc_code_of_its_http_status(status, code):
    assert code_of(Problem(status, "sung_too_loud", "detail")) is grpc.StatusCode[code]


def test_the_details_are_those_of_the_problem():
    problem = Problem.of("not_ready", retry_after_s=5, members={"state": "queued", "ids": ["a"], "count": 3})
    found = details(problem)
    assert set(found) == {ErrorInfo, RetryInfo}
    assert found[ErrorInfo] == ErrorInfo(
        reason="NOT_READY", domain="voicepipe", metadata={"state": "queued", "ids": '["a"]', "count": "3"}
    )
    assert json.loads(found[ErrorInfo].metadata["ids"]) == ["a"]
    assert found[RetryInfo].retry_delay.ToTimedelta().total_seconds() == 5
    assert status_of(problem).message == problem.detail
    assert status_of(problem).code == grpc.StatusCode.FAILED_PRECONDITION.value[0]


def test_wrong_fields_are_violations_and_not_metadata():
    fields = [{"field": "page_size", "description": "too large"}, {"field": "name", "description": "too long"}]
    found = details(Problem.of("invalid_request", reason="two fields", members={"fields": fields}))
    assert [(each.field, each.description) for each in found[BadRequest].field_violations] == [
        ("page_size", "too large"), ("name", "too long"),
    ]  # fmt: skip
    assert dict(found[ErrorInfo].metadata) == {}
    assert RetryInfo not in found
