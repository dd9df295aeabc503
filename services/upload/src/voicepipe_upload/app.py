"""Builds the application."""

from __future__ import annotations

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from voicepipe_wire.errors import Problem
from voicepipe_wire.messaging.outbox import Outbox, Publisher
from voicepipe_wire.storage.database import Pool
from voicepipe_wire.storage.objects import ObjectMissing, ObjectStore
from voicepipe_wire.web import server
from voicepipe_wire.web.auth import Authenticator
from voicepipe_wire.web.problems import problem_response

from . import __version__
from .admission import Admission
from .finalize import Finalizer
from .lingering_close import LingeringClose
from .plain import routes as plain
from .settings import Settings
from .storage.uploads import Superseded, Uploads
from .tus import handlers as tus
from .tus import routes as tus_routes

log = structlog.get_logger(__name__)


def create(settings: Settings, pool: Pool, store: ObjectStore, publisher: Publisher) -> FastAPI:
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
    app.exception_handler(Superseded)(_on_superseded)
    app.exception_handler(ObjectMissing)(_on_object_missing)
    app.add_middleware(tus_routes.TusMiddleware)
    app.add_middleware(LingeringClose)
    _add_routes(app, settings, pool, store, publisher)
    return app


def _add_routes(app: FastAPI, settings: Settings, pool: Pool, store: ObjectStore, publisher: Publisher) -> None:
    uploads = Uploads(pool)
    finalizer = Finalizer(pool, store, uploads, Outbox(pool, publisher, "upload"))
    admission = Admission(settings.max_concurrent_uploads, settings.max_upload_bytes)
    plain_uploads = plain.PlainUploads(
        store,
        uploads,
        finalizer,
        admission,
        client_idle_timeout_s=settings.client_idle_timeout_s,
        keep_for_s=settings.plain_for_s,
    )
    tus_uploads = tus.TusUploads(
        store,
        uploads,
        finalizer,
        admission,
        client_idle_timeout_s=settings.client_idle_timeout_s,
        keep_for_s=settings.resumable_for_s,
    )
    authenticate = Authenticator(pool)
    app.include_router(plain.router(plain_uploads, authenticate))
    app.include_router(tus_routes.router(tus_uploads, authenticate))


async def _on_superseded(_: Request, __: Exception) -> JSONResponse:
    return problem_response(Problem.of("superseded"))


async def _on_object_missing(request: Request, error: Exception) -> JSONResponse:
    log.error("expected object missing from the object store", route=request.url.path, key=str(error))
    return problem_response(Problem.of("unavailable", retry_after_s=server.UNAVAILABLE_RETRY_AFTER_S))
