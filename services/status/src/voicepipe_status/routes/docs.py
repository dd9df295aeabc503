"""One page of API documentation for both services. It works offline: all its files are served from here."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse
from voicepipe_wire import __version__
from voicepipe_wire.errors import Problem

from voicepipe_status.schema import Version

router = APIRouter(tags=["installation"])

# Swagger UI comes in a wheel made for offline use; only these files of it are served.
_SWAGGER_UI = Path(str(files("fastapi_offline"))) / "static"
_ASSETS = {
    "swagger-ui.css": _SWAGGER_UI / "swagger-ui.css",
    "swagger-ui-bundle.js": _SWAGGER_UI / "swagger-ui-bundle.js",
    "page.js": Path(__file__).with_name("page.js"),
}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Voicepipe</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="page"><noscript>This page needs JavaScript. The OpenAPI documents are at
<a href="/v1/openapi/upload.json">/v1/openapi/upload.json</a> and
<a href="/v1/openapi/status.json">/v1/openapi/status.json</a>.</noscript></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/page.js"></script>
</body>
</html>
"""
_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"


@router.get("/docs", include_in_schema=False)
async def page() -> HTMLResponse:
    return HTMLResponse(_PAGE, headers={"Content-Security-Policy": _POLICY})


@router.get("/docs/{name}", include_in_schema=False)
async def asset(name: str) -> FileResponse:
    if name not in _ASSETS:
        raise Problem.of("not_found", what="page")
    return FileResponse(_ASSETS[name], headers={"Cache-Control": "public, max-age=3600"})


@router.get("/version", operation_id="get_version")
async def version() -> Version:
    """Get the running version. Needs no key."""
    return Version(service="status", version=__version__)
