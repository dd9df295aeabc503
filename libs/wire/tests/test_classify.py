"""Every error that can reach our code, and what it is: an outage that passes, a rejection, or a bug."""

import asyncio
import errno
import inspect
import os
import socket
import ssl

import asyncpg
import grpc
import httpx
import nats.errors
import nats.js.errors
import pytest
import urllib3
from minio.error import InvalidResponseError, MinioAdminException, S3Error, ServerError
from voicepipe_wire.errors import Dependency, Problem, Reject, Unavailable
from voicepipe_wire.failures import (
    Kind,
    classify,
    kind_of_grpc_status,
    kind_of_http_status,
    kind_of_sqlstate,
    outage,
    tolerating_outages,
)
from voicepipe_wire.storage.objects import ObjectMissing

AWAY, REJECTED, BUG = Kind.UNAVAILABLE, Kind.REJECTED, Kind.BUG


def os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Unavailable(Dependency.SPEECH_MODEL, "loading"), AWAY),
        (Reject("not_audio", "No audio."), REJECTED),
        (Problem(404, "not_found", "Nothing there."), REJECTED),
        (ObjectMissing("key"), BUG),
        (ValueError(), BUG),
        (KeyError(), BUG),
        (RuntimeError(), BUG),
        (MemoryError(), BUG),
        (EOFError(), BUG),
        (asyncio.IncompleteReadError(b"", 1), BUG),
        (asyncio.CancelledError(), BUG),
    ],
)
def test_our_own_errors_and_those_of_python(error, kind):
    assert classify(error) is kind


@pytest.mark.parametrize(
    ("error", "dependency"),
    [
        (TimeoutError(), "network"),
        (ConnectionRefusedError(), "network"),
        (ConnectionResetError(), "network"),
        (BrokenPipeError(), "network"),
        (socket.gaierror(socket.EAI_AGAIN, "name not resolved"), "network"),
        (socket.herror(1, "unknown host"), "network"),
        (ssl.SSLError(1, "handshake"), "network"),
        (ssl.SSLCertVerificationError(1, "expired"), "network"),
        (OSError("Multiple exceptions: [Errno 111] ..., [Errno 111] ..."), "network"),  # asyncio's: it has no number
        *(
            (os_error(getattr(errno, name)), "network")
            for name in ("EHOSTUNREACH", "ENETUNREACH", "ENETDOWN", "EHOSTDOWN")
        ),
        *(
            (os_error(getattr(errno, name)), "network")
            for name in ("ENOTCONN", "ESHUTDOWN", "ENETRESET", "EADDRNOTAVAIL")
        ),
        *((os_error(getattr(errno, name)), "disk space") for name in ("ENOSPC", "EDQUOT", "EIO", "EROFS", "ESTALE")),
        *(
            (os_error(getattr(errno, name)), "memory or file handles")
            for name in ("EMFILE", "ENFILE", "ENOMEM", "ENOBUFS")
        ),
    ],
)
def test_errors_of_the_system_that_pass(error, dependency):
    assert classify(error) is AWAY
    assert outage(error).dependency == dependency


@pytest.mark.parametrize(
    "name", ["ENOENT", "EACCES", "EPERM", "EINVAL", "ENOTDIR", "EISDIR", "EEXIST", "EBADF", "ENAMETOOLONG", "ENOEXEC"]
)
def test_errors_of_the_system_that_are_bugs(name):
    assert classify(os_error(getattr(errno, name))) is BUG


def test_every_sqlstate_is_judged_by_its_class():
    """https://www.postgresql.org/docs/current/errcodes-appendix.html, as asyncpg knows it."""
    states = {each.sqlstate for _, each in inspect.getmembers(asyncpg.exceptions) if getattr(each, "sqlstate", None)}
    passing = {state for state in states if kind_of_sqlstate(state) is AWAY}
    assert {state[:2] for state in passing if state not in {"25006", "0A000"}} == {
        "08", "28", "3D", "40", "53", "55", "57", "58", "F0",
    }  # fmt: skip
    for state in states:
        error = asyncpg.PostgresError.new({"C": state, "M": "x"})
        assert classify(error) is (AWAY if state in passing else BUG), state
        assert state not in passing or outage(error).dependency == "database"


@pytest.mark.parametrize(
    "state",
    ["08006", "57P01", "57P03", "57014", "53300", "53200", "53100", "40001", "40P01", "25006", "28P01", "58030"],
)
def test_states_of_a_server_that_is_away_full_or_failing_over_pass(state):
    assert kind_of_sqlstate(state) is AWAY


@pytest.mark.parametrize(
    "state", ["23505", "23503", "42P01", "42601", "22P02", "42501", "25P02", "XX000", "XX001", "P0001", ""]
)
def test_states_of_a_wrong_statement_are_bugs(state):
    assert kind_of_sqlstate(state) is BUG


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (asyncpg.InternalClientError("interrupted"), AWAY),
        (asyncpg.InterfaceError("connection is closed"), AWAY),
        (asyncpg.InterfaceError("cannot call Transaction.__aexit__(): the underlying connection is closed"), AWAY),
        (asyncpg.InterfaceError("another operation is in progress"), BUG),
        (asyncpg.InterfaceError("pool is closed"), BUG),
        (asyncpg.UnsupportedClientFeatureError("x"), BUG),
    ],
)
def test_errors_of_the_driver_of_postgresql(error, kind):
    assert classify(error) is kind


NATS_BUGS = {
    "BadHeaderError",
    "BadSubjectError",
    "BadSubscriptionError",
    "BadTimeoutError",
    "InvalidCallbackTypeError",
    "JsonParseError",
    "MaxPayloadError",
    "MsgAlreadyAckdError",
    "NotJSMessageError",
}


def test_every_error_of_nats_passes_but_those_of_a_wrong_request():
    classes = [
        each for _, each in inspect.getmembers(nats.errors, inspect.isclass) if issubclass(each, nats.errors.Error)
    ]
    assert len(classes) > 20
    judged = {each.__name__: classify(each.__new__(each)) for each in classes}
    assert {name for name, kind in judged.items() if kind is BUG} == NATS_BUGS
    assert outage(nats.errors.NoServersError()).dependency == "message broker"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (nats.js.errors.ServiceUnavailableError(code=503), AWAY),
        (nats.js.errors.ServiceUnavailableError(), AWAY),  # without a code: the API has no leader
        (nats.js.errors.ServerError(code=500, err_code=10047), AWAY),  # insufficient storage
        (nats.js.errors.NotFoundError(code=404), AWAY),  # a deleted stream is created again
        (nats.js.errors.APIError(code=408), AWAY),
        (nats.js.errors.APIError(code=409), AWAY),
        (nats.js.errors.APIError(code=429), AWAY),
        (nats.js.errors.NoStreamResponseError(), AWAY),
        (nats.js.errors.FetchTimeoutError(), AWAY),
        (nats.js.errors.BadRequestError(code=400), BUG),
    ],
)
def test_answers_of_jetstream(error, kind):
    assert classify(error) is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, AWAY) for status in (401, 403, 407, 408, 409, 423, 425, 429, 500, 502, 503, 504, 507, 520)),
        *((status, BUG) for status in (301, 400, 404, 405, 411, 412, 413, 416, 501)),
    ],
)
def test_answers_of_a_server_over_http(status, kind):
    assert kind_of_http_status(status) is kind
    answer = httpx.Response(status, request=httpx.Request("GET", "http://store"))
    assert classify(httpx.HTTPStatusError("x", request=answer.request, response=answer)) is kind
    response = urllib3.HTTPResponse(status=status)
    assert classify(S3Error(response, "Code", "m", "/", "id", "host")) is kind
    assert classify(ServerError("x", status)) is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ConnectError("x"), AWAY),
        (httpx.ReadTimeout("x"), AWAY),
        (httpx.PoolTimeout("x"), AWAY),
        (httpx.RemoteProtocolError("x"), AWAY),
        (httpx.UnsupportedProtocol("x"), BUG),
        (urllib3.exceptions.MaxRetryError(None, "/", None), AWAY),
        (urllib3.exceptions.ProtocolError("x"), AWAY),
        (urllib3.exceptions.ReadTimeoutError(None, "/", "x"), AWAY),
        (urllib3.exceptions.LocationParseError("x"), BUG),
        (InvalidResponseError(200, "text/html", "<html>"), AWAY),
        (MinioAdminException("500", "x"), BUG),
    ],
)
def test_errors_of_clients_of_http(error, kind):
    assert classify(error) is kind


GRPC_BUGS = {"ALREADY_EXISTS", "DATA_LOSS", "FAILED_PRECONDITION", "INVALID_ARGUMENT", "OUT_OF_RANGE"}


def test_every_status_of_grpc_passes_but_those_of_a_wrong_request():
    failures = {status.name for status in grpc.StatusCode} - {"OK"}
    assert {name for name in failures if kind_of_grpc_status(name) is BUG} == GRPC_BUGS


@pytest.mark.parametrize(
    ("errors", "kind"),
    [
        ([TimeoutError(), ConnectionResetError()], AWAY),
        ([TimeoutError(), Reject("not_audio", "")], REJECTED),
        ([TimeoutError(), Reject("not_audio", ""), ValueError()], BUG),
        ([ExceptionGroup("inner", [TimeoutError()])], AWAY),
    ],
)
def test_a_group_is_as_bad_as_the_worst_of_its_errors(errors, kind):
    assert classify(ExceptionGroup("several", errors)) is kind


def test_only_outages_are_tolerated():
    with tolerating_outages("not done"):
        raise TimeoutError
    with pytest.raises(ValueError, match="bug"), tolerating_outages("not done"):
        raise ValueError("bug")
