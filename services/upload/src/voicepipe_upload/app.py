"""Builds the application: HTTP and gRPC over the same uploads."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from voicepipe_api.v1 import uploads_pb2
from voicepipe_wire.errors import Problem
from voicepipe_wire.messaging.outbox import Outbox, Publisher
from voicepipe_wire.rpc.call import Service
from voicepipe_wire.storage.database import Pool
from voicepipe_wire.storage.objects import ObjectMissing, ObjectStore
from voicepipe_wire.web import server
from voicepipe_wire.web.auth import Authenticator
from voicepipe_wire.web.failures import UNAVAILABLE_RETRY_AFTER_S
from voicepipe_wire.web.idempotency import IdempotencyKeys
from voicepipe_wire.web.problems import problem_response

from . import __version__
from .admission import Admission
from .client_pace import PaceLimits
from .finalize import Finalizer
from .lingering_close import LingeringClose
from .plain import routes as plain
from .resumable import Resumable
from .rpc import uploads as rpc
from .settings import Settings
from .storage.uploads import Superseded, Uploads
from .tus import handlers as tus
from .tus import routes as tus_routes

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Protocols:
    """What receives uploads. All share the limits, the rows and the transaction that makes a job."""

    plain: plain.PlainUploads
    tus: tus.TusUploads
    rpc: rpc.Uploads
    authenticate: Authenticator


def protocols(settings: Settings, pool: Pool, store: ObjectStore, publisher: Publisher) -> Protocols:
    uploads = Uploads(pool)
    finalizer = Finalizer(pool, store, uploads, Outbox(pool, publisher, "upload"))
    admission = Admission(settings.max_concurrent_uploads, settings.uploads_of_one_owner, settings.max_upload_bytes)
    keys = IdempotencyKeys(pool, keep_for_s=settings.idempotency_keep_s)
    pace = PaceLimits(settings.client_idle_timeout_s, settings.least_bytes_per_s, settings.least_rate_window_s)

    def resumable(kind: str) -> Resumable:
        return Resumable(kind, store, uploads, finalizer, admission, keep_for_s=settings.resumable_for_s)

    return Protocols(
        plain.PlainUploads(
            store,
            uploads,
            finalizer,
            admission,
            keys,
            pace=pace,
            keep_for_s=settings.plain_for_s,
        ),
        tus.TusUploads(resumable(tus.KIND), keys, pace=pace),
        rpc.Uploads(resumable(rpc.KIND), keys, pace=pace),
        Authenticator(pool),
    )


def create(received_by: Protocols) -> FastAPI:
    app = FastAPI(
        title="Voicepipe upload",
        version=__version__,
        description="Upload recordings in one request, or resumably with tus 1.0.0.",
        telemetry=server.NO_TELEMETRY,
        openapi_url="/v1/openapi/upload.json",
        docs_url=None,
        redoc_url=None,
    )
    server.install(app)
    for kind in (Superseded, ObjectMissing):
        app.exception_handler(kind)(_on_error)
    app.add_middleware(tus_routes.TusMiddleware)
    app.add_middleware(LingeringClose)
    app.include_router(plain.router(received_by.plain, received_by.authenticate))
    app.include_router(tus_routes.router(received_by.tus, received_by.authenticate))
    return app


def service(received_by: Protocols) -> Service:
    """The gRPC service."""
    descriptor = uploads_pb2.DESCRIPTOR.services_by_name["Uploads"]
    return Service(descriptor, received_by.rpc, received_by.authenticate, translate=_problem_of)


async def _on_error(_: Request, error: Exception) -> JSONResponse:
    problem = _problem_of(error)
    assert problem is not None  # noqa: S101 - the handler is registered for no other errors
    return problem_response(problem)


def _problem_of(error: Exception) -> Problem | None:
    """The problem of an error that only uploads raise."""
    match error:
        case Superseded():
            return Problem.of("superseded")
        case ObjectMissing():
            log.error("expected object missing from the object store", key=str(error))
            return Problem.of("unavailable", retry_after_s=UNAVAILABLE_RETRY_AFTER_S)
    return None
