"""Judges every exception that can reach our code, by what its dependency says and never by who caught it.

| kind | meaning | what follows |
|---|---|---|
| `unavailable` | a dependency is away, overloaded, full or refuses our credentials; the same work succeeds later | the work waits; no delivery is spent |
| `rejected` | this work can never succeed | a dead letter at once, or an error response |
| `bug` | nothing that we know | bounded deliveries, then a dead letter; HTTP 500 |

Everything that can pass without a change of our code or of the work is `unavailable`: work that waits for an operator is seen
(`waiting_for`, metrics) and ends well, while a dead letter of healthy work needs somebody to put it back. So are wrong credentials: they
are what a rotation of keys looks like.

Adapters (`storage.database`, `storage.objects`, `messaging.broker`, the recognizer) raise `Unavailable`, which names the dependency. What they
let through is judged here too: a full disk, a message that cannot be acked, a library's error from a path that no adapter covers.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import asyncpg
import httpx
import structlog
import urllib3
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from nats import errors as nats_errors
from nats.js import errors as jetstream_errors

from voicepipe_wire.errors import Dependency, Problem, Reject, Unavailable

log = structlog.get_logger(__name__)


class Kind(StrEnum):
    UNAVAILABLE = "unavailable"
    REJECTED = "rejected"
    BUG = "bug"


# https://www.postgresql.org/docs/current/errcodes-appendix.html. By class: connection, operator intervention (shutdown, starting up,
# statement cancelled), resources (disk full, too many connections), rollback (deadlock, serialization), credentials, unknown
# database, object in use or lock not available, I/O error, configuration file.
_PASSING_SQLSTATE_CLASSES = frozenset({"08", "57", "53", "40", "28", "3D", "55", "58", "F0"})
# A server that became read-only (a failover), and a cached plan that a migration made invalid.
_PASSING_SQLSTATES = frozenset({"25006", "0A000"})

# Refused, too slow, too early, too many, and credentials (401, 403, 407). 409 is S3's `OperationAborted`: another operation on the same key.
_PASSING_HTTP_STATUSES = frozenset({401, 403, 407, 408, 409, 423, 425, 429})
_NOT_IMPLEMENTED = 501

# https://grpc.github.io/grpc/core/md_doc_statuscodes.html. INTERNAL and UNKNOWN come from servers and proxies that break in the middle; a
# model that rejects its input says so in its message, which the recognizer reads first. NOT_FOUND and UNIMPLEMENTED: the
# model is not loaded, or something else listens there at present.
_BUG_GRPC_STATUSES = frozenset(
    {"INVALID_ARGUMENT", "OUT_OF_RANGE", "FAILED_PRECONDITION", "ALREADY_EXISTS", "DATA_LOSS"}
)

# Sent by our side wrongly, so they would be sent again.
_NATS_BUGS: tuple[type[Exception], ...] = (
    nats_errors.BadSubjectError,
    nats_errors.BadHeaderError,
    nats_errors.BadTimeoutError,
    nats_errors.BadSubscriptionError,
    nats_errors.InvalidCallbackTypeError,
    nats_errors.JsonParseError,
    nats_errors.MaxPayloadError,
    nats_errors.NotJSMessageError,
    nats_errors.MsgAlreadyAckdError,
)

_NETWORK_ERRNOS = frozenset(
    {
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.ECONNABORTED,
        errno.EPIPE,
        errno.ENOTCONN,
        errno.ESHUTDOWN,
        errno.ETIMEDOUT,
        errno.EHOSTUNREACH,
        errno.EHOSTDOWN,
        errno.ENETUNREACH,
        errno.ENETDOWN,
        errno.ENETRESET,
        errno.EADDRNOTAVAIL,
    }
)
_DISK_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ESTALE})
_MACHINE_ERRNOS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.ENOBUFS, errno.EINTR})
_NETWORK_ERRORS = (ConnectionError, TimeoutError, socket.gaierror, socket.herror, ssl.SSLError)


def classify(error: BaseException) -> Kind:
    """A group is as bad as the worst of its errors: one bug makes it a bug."""
    return next((judge(error) for kinds, judge in _JUDGES if isinstance(error, kinds)), Kind.BUG)


def outage(error: BaseException) -> Unavailable | None:
    """The outage that an error tells of, with the dependency that it is of; None if the error is something else."""
    if isinstance(error, Unavailable):
        return error
    if classify(error) is not Kind.UNAVAILABLE:
        return None
    if isinstance(error, BaseExceptionGroup):
        return outage(error.exceptions[0])
    return Unavailable(_dependency_of(error), f"{type(error).__name__}: {error}".rstrip(": ")[:200])


@contextmanager
def tolerating_outages(what: str) -> Iterator[None]:
    """Log an outage of the block and go on after it. For work that somebody repeats anyway; `what` says what was not done."""
    try:
        yield
    except Exception as error:
        if (away := outage(error)) is None:
            raise
        log.warning(what, waiting_for=away.dependency, reason=str(away))


def kind_of_sqlstate(sqlstate: str) -> Kind:
    passes = sqlstate[:2] in _PASSING_SQLSTATE_CLASSES or sqlstate in _PASSING_SQLSTATES
    return Kind.UNAVAILABLE if passes else Kind.BUG


def kind_of_http_status(status: int) -> Kind:
    """Of the answer of a server that we asked. 404 and 416 are answers that adapters expect; unexpected ones are bugs."""
    passes = status in _PASSING_HTTP_STATUSES or (
        status >= httpx.codes.INTERNAL_SERVER_ERROR and status != _NOT_IMPLEMENTED
    )
    return Kind.UNAVAILABLE if passes else Kind.BUG


def kind_of_grpc_status(name: str) -> Kind:
    """`name` as `grpc.StatusCode` spells it, such as `DEADLINE_EXCEEDED`."""
    return Kind.BUG if name in _BUG_GRPC_STATUSES else Kind.UNAVAILABLE


def _kind_of_interface(error: asyncpg.InterfaceError) -> Kind:
    """Asyncpg raises it for misuse and for a lost connection alike; only its text tells them apart."""
    is_lost = any(text in str(error) for text in ("connection is closed", "released back to the pool"))
    return Kind.UNAVAILABLE if is_lost else Kind.BUG


def _kind_of_nats(error: nats_errors.Error) -> Kind:
    if isinstance(error, _NATS_BUGS):
        return Kind.BUG
    if isinstance(error, jetstream_errors.APIError):
        # 404: a stream or consumer was deleted; whoever needs it creates it again. Without a code: no answer of the API.
        passes = error.code is None or error.code == httpx.codes.NOT_FOUND
        return Kind.UNAVAILABLE if passes else kind_of_http_status(error.code or 0)
    return Kind.UNAVAILABLE


def _kind_of_http(error: Exception) -> Kind:
    match error:
        case httpx.UnsupportedProtocol() | urllib3.exceptions.LocationValueError():  # an address that cannot be one
            return Kind.BUG
        case httpx.HTTPStatusError():
            return kind_of_http_status(error.response.status_code)
        case S3Error():
            return kind_of_http_status(error.response.status)
        case ServerError():
            return kind_of_http_status(error.status_code)
        case httpx.TransportError() | urllib3.exceptions.HTTPError() | InvalidResponseError():
            return Kind.UNAVAILABLE
        case _:
            return Kind.BUG


def _dependency_of(error: BaseException) -> Dependency:
    match error:
        case asyncpg.PostgresError() | asyncpg.InternalClientError() | asyncpg.InterfaceError():
            return Dependency.DATABASE
        case nats_errors.Error():
            return Dependency.BROKER
        case MinioException():
            return Dependency.OBJECT_STORE
        case OSError():
            return _dependency_of_os(error) or Dependency.NETWORK
        case _:
            return Dependency.NETWORK


def _dependency_of_os(error: OSError) -> Dependency | None:
    """None if the error is a bug. asyncio joins several failed connections into an OSError without a number."""
    if isinstance(error, _NETWORK_ERRORS) or error.errno is None or error.errno in _NETWORK_ERRNOS:
        return Dependency.NETWORK
    if error.errno in _DISK_ERRNOS:
        return Dependency.SCRATCH
    return Dependency.MACHINE if error.errno in _MACHINE_ERRNOS else None


def _kind_of_group(error: BaseExceptionGroup[BaseException]) -> Kind:
    kinds = {classify(each) for each in error.exceptions}
    return next(kind for kind in (Kind.BUG, Kind.REJECTED, Kind.UNAVAILABLE) if kind in kinds)


def _kind_of_os(error: OSError) -> Kind:
    return Kind.UNAVAILABLE if _dependency_of_os(error) else Kind.BUG


# The first that fits. Errors of NATS and httpx come before OSError, because some of them are one.
_JUDGES: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], Callable[[Any], Kind]], ...] = (
    (Unavailable, lambda _: Kind.UNAVAILABLE),
    ((Reject, Problem), lambda _: Kind.REJECTED),
    (BaseExceptionGroup, _kind_of_group),
    (asyncpg.PostgresError, lambda error: kind_of_sqlstate(error.sqlstate or "")),
    # The driver was interrupted in its protocol, as by a server that stops.
    (asyncpg.InternalClientError, lambda _: Kind.UNAVAILABLE),
    (asyncpg.InterfaceError, _kind_of_interface),
    (nats_errors.Error, _kind_of_nats),
    ((httpx.HTTPError, urllib3.exceptions.HTTPError, MinioException), _kind_of_http),
    (OSError, _kind_of_os),
)
