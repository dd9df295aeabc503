"""OpenAPI of the tus routes, which read their headers themselves."""

from __future__ import annotations

from typing import Any, Final

from voicepipe_upload.openapi import IDEMPOTENCY_KEY, KEYS, OPTIONS, RECEIVING, problems

from . import protocol

Documentation = dict[str, Any]

_METADATA_EXAMPLE = "filename bWVldGluZy53YXY=,language ZW4="


def _header(name: str, description: str, example: str, *, required: bool = False) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": required,
        "description": description,
        "schema": {"type": "string"},
        "example": example,
    }


_RESUMABLE = _header("Tus-Resumable", "tus version", protocol.VERSION, required=True)
_LENGTH = _header("Upload-Length", "size of the whole recording in bytes", "19596844")
_CHECKSUM = _header(
    "Upload-Checksum", "algorithm and digest of the body of this request", "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="
)
_BYTES = {
    "required": False,
    "content": {protocol.CONTENT_TYPE: {"schema": {"type": "string", "format": "binary"}}},
}
_UPLOAD = ("tus_version", "not_found", "expired")
_BODY = ("tus_content_type", "invalid_header", "invalid_checksum", "checksum_mismatch", *RECEIVING)

CREATE: Final[Documentation] = {
    "openapi_extra": {
        "parameters": [
            _RESUMABLE,
            IDEMPOTENCY_KEY,
            _LENGTH,
            _header("Upload-Defer-Length", "1: a later request gives the length", "1"),
            _header("Upload-Metadata", "name, type and options: comma-separated KEY BASE64 pairs", _METADATA_EXAMPLE),
            _CHECKSUM,
        ],
        "requestBody": _BYTES,
    },
    "responses": {
        201: {"description": "Created; `Location` is the URL of the upload."},
        **problems("tus_version", *_BODY, *OPTIONS, *KEYS, "invalid_metadata"),
    },
}
APPEND: Final[Documentation] = {
    "openapi_extra": {
        "parameters": [
            _RESUMABLE,
            _header("Upload-Offset", "offset of the first byte of this request", "8388608", required=True),
            _LENGTH,
            _CHECKSUM,
        ],
        "requestBody": _BYTES,
    },
    "responses": {
        204: {"description": "`Upload-Offset` is the number of bytes stored."},
        **problems(*_UPLOAD, *_BODY, "wrong_offset", "superseded", "too_many_parts"),
    },
}
HEAD: Final[Documentation] = {
    "openapi_extra": {"parameters": [_RESUMABLE]},
    "responses": {
        200: {"description": "`Upload-Offset`, `Upload-Length` or `Upload-Defer-Length`, `Upload-Expires`, ..."},
        **problems(*_UPLOAD),
    },
}
TERMINATE: Final[Documentation] = {
    "openapi_extra": {"parameters": [_RESUMABLE]},
    "responses": {
        204: {"description": "Terminated; its bytes are removed."},
        **problems(*_UPLOAD),
    },
}
