"""Builds the application: HTTP and gRPC over the same operations."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from voicepipe_api.v1 import admin_pb2, installation_pb2, transcriptions_pb2
from voicepipe_wire import __version__
from voicepipe_wire.rpc.call import Service
from voicepipe_wire.web import server
from voicepipe_wire.web.problems import ProblemDocument

from .dependencies import Dependencies
from .http.body_limit import BodyLimit
from .routes import (
    actions,
    audio,
    audit,
    capabilities,
    dead_letters,
    docs,
    events,
    queues,
    speakers,
    stuck_jobs,
    transcriptions,
    transcripts,
)
from .rpc.admin import Admin
from .rpc.installation import Installation
from .rpc.transcriptions import Transcriptions

_ROUTERS = (
    transcriptions,
    actions,
    events,
    transcripts,
    speakers,
    audio,
    capabilities,
    dead_letters,
    audit,
    queues,
    stuck_jobs,
    docs,
)
_DESCRIPTION = "Read and manage transcriptions. Errors are RFC 9457 problem JSON with a stable `code`."


def create(dependencies: Dependencies) -> FastAPI:
    app = FastAPI(
        title="Voicepipe status",
        version=__version__,
        description=_DESCRIPTION,
        telemetry=server.NO_TELEMETRY,
        openapi_url="/v1/openapi/status.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.dependencies = dependencies
    app.add_middleware(BodyLimit)
    for module in _ROUTERS:
        app.include_router(module.router)
    server.install(app)
    _describe_problems(app)
    return app


def services(dependencies: Dependencies) -> list[Service]:
    """The gRPC services."""
    authenticate = dependencies.authenticate
    return [
        Service(
            transcriptions_pb2.DESCRIPTOR.services_by_name["Transcriptions"],
            Transcriptions(dependencies),
            authenticate,
        ),
        Service(
            installation_pb2.DESCRIPTOR.services_by_name["Installation"],
            Installation(dependencies),
            authenticate,
            open_methods=["GetVersion"],
        ),
        Service(admin_pb2.DESCRIPTOR.services_by_name["Admin"], Admin(dependencies), authenticate),
    ]


def _describe_problems(app: FastAPI) -> None:
    """Add the schema of all problem responses, and remove those of FastAPI's own 422, which is never sent."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        document = described()
        schemas = document["components"]["schemas"]
        schemas["Problem"] = ProblemDocument.model_json_schema()
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        return document

    app.openapi = openapi  # type: ignore[method-assign]
