"""Errors as google.rpc.Status, in the trailers of a call. Pure.

`ErrorInfo.reason` is the code of the catalogue in capitals, as Google's AIP-193 has it; its metadata are the members of the problem.
`RetryInfo` says when to try again, `BadRequest` which fields are wrong.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from voicepipe_wire.error_catalogue import ERRORS
from voicepipe_wire.errors import Problem

DOMAIN: Final = "voicepipe"
# The member of a problem that names wrong fields: a list of {"field", "description"}.
FIELDS: Final = "fields"
DETAILS_KEY: Final = "grpc-status-details-bin"

# For an error that is not in the catalogue: a job may have failed with a code of an older version.
_BY_HTTP_STATUS: Final[Mapping[int, str]] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
}


def code_of(problem: Problem) -> grpc.StatusCode:
    """The status code of a problem: that of the catalogue, else the one that its HTTP status comes closest to."""
    entry = ERRORS.get(problem.code)
    name = (entry.grpc if entry else None) or _BY_HTTP_STATUS.get(problem.status, "UNKNOWN")
    return grpc.StatusCode[name]


def status_of(problem: Problem) -> Status:
    details: list[Message] = [
        ErrorInfo(reason=problem.code.upper(), domain=DOMAIN, metadata=_metadata(problem.members)),
    ]
    if retry_after_s := problem.headers.get("Retry-After"):
        details.append(RetryInfo(retry_delay=Duration(seconds=int(retry_after_s))))
    if fields := problem.members.get(FIELDS):
        violations = [BadRequest.FieldViolation(**each) for each in fields]
        details.append(BadRequest(field_violations=violations))
    return Status(code=code_of(problem).value[0], message=problem.detail, details=map(_packed, details))


def _metadata(members: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in members.items()
        if name != FIELDS
    }


def _packed(message: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed
