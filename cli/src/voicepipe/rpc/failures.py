"""What the status of a failed call means. Pure.

The server sends google.rpc.Status: `ErrorInfo.reason` is the code of docs/errors.md in capitals. Without it the status comes from a
proxy or from the gRPC library of this client.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from voicepipe.errors import ApiError, UnexpectedAnswer
from voicepipe.pace import TransientError

# Until an answer, or the next message of a stream: the end of a large upload is answered only after the object store has
# assembled it, and an idle stream of events has a heartbeat every 15 s.
SILENCE_S: Final = 60.0
_DETAILS_KEY: Final = "grpc-status-details-bin"

# The HTTP status that REST has for a status code.
_HTTP_STATUS: Final[Mapping[grpc.StatusCode, int]] = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.FAILED_PRECONDITION: 409,
    grpc.StatusCode.OUT_OF_RANGE: 416,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}
# Where the code of the error says more than the status code.
HTTP_STATUS_BY_REASON: Final[Mapping[str, int]] = {
    "method_not_allowed": 405,
    "format_unknown": 406,
    "upload_stalled": 408,
    "too_slow": 408,
    "audio_gone": 410,
    "expired": 410,
    "tus_version": 412,
    "body_too_large": 413,
    "too_large": 413,
    "not_audio": 415,
    "tus_content_type": 415,
    "unsupported_media_type": 415,
    "idempotency_key_reused": 422,
    "invalid_option": 422,
    "invalid_request": 422,
    "model_not_served": 422,
    "checksum_mismatch": 460,
}
_REFUSED: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
# The words of gRPC core for a call that found no connection, and for one that a proxy answered without gRPC.
_NOT_SENT: Final = re.compile(
    r"failed to connect to all addresses|DNS resolution failed|empty address list", re.IGNORECASE
)
_PLAIN_HTTP: Final = re.compile(r"http2 header with status: ([0-9]{3})")


def failure_of(error: grpc.aio.AioRpcError, base_url: str) -> ApiError | TransientError | UnexpectedAnswer:
    """The error to raise for a call that failed."""
    details = _details(error.trailing_metadata() or ())
    code, text = error.code(), error.details() or ""
    if "info" not in details:
        return _without_reason(code, text, base_url)
    reason = details["info"].reason.lower()
    status = http_status(code, reason)
    if status == HTTPStatus.TOO_MANY_REQUESTS or _may_pass(status):
        return TransientError(
            f"{status} {text}".rstrip("."), details.get("retry_after_s", 0.0), not_carried_out=status in _REFUSED
        )
    return ApiError(status, reason, text)


def http_status(code: grpc.StatusCode, reason: str) -> int:
    return HTTP_STATUS_BY_REASON.get(reason) or _HTTP_STATUS.get(code, HTTPStatus.INTERNAL_SERVER_ERROR)


def _without_reason(code: grpc.StatusCode, text: str, base_url: str) -> ApiError | TransientError | UnexpectedAnswer:
    if plain := _PLAIN_HTTP.search(text):
        status = int(plain[1])
        if status == HTTPStatus.TOO_MANY_REQUESTS or _may_pass(status):
            return TransientError(f"{status} from a proxy", not_carried_out=status in _REFUSED)
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return UnexpectedAnswer(base_url, f"it has no such gRPC method ({text.rstrip('.')})")
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return timed_out()
    if code is grpc.StatusCode.UNAVAILABLE:
        unsent = _NOT_SENT.search(text) is not None
        return TransientError("no connection" if unsent else "the connection broke", not_carried_out=unsent)
    status = http_status(code, "")
    if _may_pass(status):
        return TransientError(f"{code.name} {text}".strip().rstrip("."))
    return ApiError(status, code.name.lower(), text)


def timed_out() -> TransientError:
    return TransientError(f"timed out after {SILENCE_S:.0f} s")


def _may_pass(status: int) -> bool:
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED


def _details(metadata: Iterable[tuple[str, str | bytes]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in metadata:
        if key == _DETAILS_KEY and isinstance(value, bytes):
            try:
                packed = Status.FromString(value).details
            except DecodeError:
                continue
            for each in packed:
                if each.Is(ErrorInfo.DESCRIPTOR):
                    found["info"] = ErrorInfo.FromString(each.value)
                elif each.Is(RetryInfo.DESCRIPTOR):
                    found["retry_after_s"] = RetryInfo.FromString(each.value).retry_delay.ToTimedelta().total_seconds()
    return found
