"""The application of upload, put together."""

from __future__ import annotations

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from voicepipe_wire import http
from voicepipe_wire.auth import Authenticator
from voicepipe_wire.database import Pool
from voicepipe_wire.errors import Problem
from voicepipe_wire.objects import ObjectMissing, ObjectStore
from voicepipe_wire.outbox import Outbox, Publisher

from . import __version__, plain, tus, tus_routes
from .accept import Acceptance
from .linger import Lingering
from .reception import Reception
from .settings import Settings
from .uploads import Overtaken, Uploads

log = structlog.get_logger(__name__)


def create(settings: Settings, pool: Pool, store: ObjectStore, publisher: Publisher) -> FastAPI:
    app = FastAPI(
        title="Voicepipe upload",
        version=__version__,
        description="Recordings in: in one request, or resumable by tus 1.0.0.",
        telemetry=http.NO_TELEMETRY,
        openapi_url="/v1/openapi/upload.json",
        docs_url=None,
        redoc_url=None,
    )
    # Without NATS an upload is accepted all the same, so it is not needed to be ready.
    http.install(app, {"postgresql": lambda: pool.execute("SELECT 1"), "object_store": store.ensure_bucket})
    app.exception_handler(Overtaken)(_on_overtaken)
    app.exception_handler(ObjectMissing)(_on_object_missing)
    app.add_middleware(tus_routes.TusSurface)
    app.add_middleware(Lingering)

    uploads = Uploads(pool)
    acceptance = Acceptance(pool, store, uploads, Outbox(pool, publisher, "upload"))
    reception = Reception(settings.max_concurrent_uploads, settings.max_upload_bytes)
    whole = plain.PlainUploads(
        store,
        uploads,
        acceptance,
        reception,
        silence_s=settings.silence_s,
        keep_for_s=settings.plain_for_s,
    )
    resumable = tus.TusUploads(
        store,
        uploads,
        acceptance,
        reception,
        silence_s=settings.silence_s,
        keep_for_s=settings.resumable_for_s,
    )
    authenticate = Authenticator(pool)
    app.include_router(plain.router(whole, authenticate))
    app.include_router(tus_routes.router(resumable, authenticate))
    return app


async def _on_overtaken(_: Request, __: Exception) -> JSONResponse:
    detail = (
        "Another connection goes on with this upload, or it was ended. Ask for its offset (HEAD) and go on from there."
    )
    return http.problem_response(Problem(409, "overtaken", detail))


async def _on_object_missing(request: Request, error: Exception) -> JSONResponse:
    log.error("the object store lacks what it should have", route=request.url.path, key=str(error))
    detail = "The object store is not as it should be; it was logged. Nothing was lost; try again in a moment."
    return http.problem_response(Problem(503, "unavailable", detail, retry_after_s=http.AWAY_RETRY_AFTER_S))
