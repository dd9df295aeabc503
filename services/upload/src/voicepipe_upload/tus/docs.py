"""OpenAPI of tus: its requests are headers, and its routes read them themselves."""

from __future__ import annotations

from typing import Any, Final

from voicepipe_upload.plain.docs import INVALID_OPTION, NOT_NOW, UNKNOWN_KEY
from voicepipe_upload.schema import problems

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


_RESUMABLE = _header("Tus-Resumable", "the version of tus", protocol.VERSION, required=True)
_LENGTH = _header("Upload-Length", "bytes of the whole recording", "19596844")
_CHECKSUM = _header(
    "Upload-Checksum", "algorithm and digest of this request's bytes", "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="
)
_BYTES = {
    "required": False,
    "content": {protocol.CONTENT_TYPE: {"schema": {"type": "string", "format": "binary"}}},
}
_VERSION_PROBLEM = {"tus_version": "The client speaks another version of tus. Send 'Tus-Resumable: 1.0.0'."}
_GONE = {
    404: {"not_found": "There is no such upload, or it is somebody else's. Start a new one."},
    410: {"expired": "This upload was given up or not finished in time. Start a new one."},
}
_TOO_LARGE = {"too_large": "The recording is larger than 5 GiB, the limit here. Split it, or compress it."}
_NOT_AUDIO = {"not_audio": "This is no recording but text. Send a recording."}
_CONTENT_TYPE = {
    "tus_content_type": "The bytes of an upload are sent as 'Content-Type: application/offset+octet-stream'."
}
_LENGTH_MISMATCH = {"length_mismatch": "More bytes were sent than the 1024 that were announced."}
_BAD_CHECKSUM = {"invalid_checksum": "Upload-Checksum is 'ALGORITHM BASE64'. The algorithms are: sha1, sha256, md5."}
_MISMATCH = {
    "checksum_mismatch": "The bytes that arrived are not those that the checksum was made of. Send them again."
}

CREATE: Final[Documentation] = {
    "openapi_extra": {
        "parameters": [
            _RESUMABLE,
            _LENGTH,
            _header("Upload-Defer-Length", "1: the length is said later", "1"),
            _header("Upload-Metadata", "name, type and options: KEY BASE64, with commas between", _METADATA_EXAMPLE),
            _CHECKSUM,
        ],
        "requestBody": _BYTES,
    },
    "responses": {
        201: {"description": "`Location` is the address of the upload."},
        **problems(
            {
                400: {
                    "invalid_header": "A new upload needs one of: 'Upload-Length: BYTES', or 'Upload-Defer-Length: 1'.",
                    "invalid_metadata": "Upload-Metadata is a list of 'KEY BASE64' with commas between.",
                    "empty_body": "The recording is empty. Choose another file.",
                    "unknown_option": "There is no option 'lang'. The options are: model, language, ...",
                    **_LENGTH_MISMATCH,
                    **_BAD_CHECKSUM,
                },
                401: UNKNOWN_KEY,
                412: _VERSION_PROBLEM,
                413: _TOO_LARGE,
                415: {
                    "unsupported_media_type": "A recording is audio or video, and this was sent as 'image/png'.",
                    **_CONTENT_TYPE,
                    **_NOT_AUDIO,
                },
                422: INVALID_OPTION,
                460: _MISMATCH,
                503: NOT_NOW,
            }
        ),
    },
}
APPEND: Final[Documentation] = {
    "openapi_extra": {
        "parameters": [
            _RESUMABLE,
            _header("Upload-Offset", "where these bytes begin", "8388608", required=True),
            _LENGTH,
            _CHECKSUM,
        ],
        "requestBody": _BYTES,
    },
    "responses": {
        204: {"description": "`Upload-Offset` says how many bytes are safe."},
        **problems(
            {
                400: {
                    "invalid_header": "Upload-Offset must be a whole number of bytes, 0 or more.",
                    **_LENGTH_MISMATCH,
                    **_BAD_CHECKSUM,
                },
                401: UNKNOWN_KEY,
                **_GONE,
                408: {"upload_stalled": "Nothing arrived for 60 s. Check the connection and send it again."},
                409: {
                    "wrong_offset": "The upload stands at 8388608 bytes, not at 0. Go on from there.",
                    "superseded": "Another connection goes on with this upload, or it was ended.",
                    "too_many_parts": "This upload was interrupted too often. Start a new one.",
                },
                412: _VERSION_PROBLEM,
                413: _TOO_LARGE,
                415: {**_CONTENT_TYPE, **_NOT_AUDIO},
                460: _MISMATCH,
                503: {key: NOT_NOW[key] for key in ("unavailable", "busy")},
            }
        ),
    },
}
LOOK: Final[Documentation] = {
    "openapi_extra": {"parameters": [_RESUMABLE]},
    "responses": {
        200: {"description": "`Upload-Offset`, `Upload-Length` or `Upload-Defer-Length`, `Upload-Expires`, ..."},
        **problems({401: UNKNOWN_KEY, **_GONE, 412: _VERSION_PROBLEM}),
    },
}
END: Final[Documentation] = {
    "openapi_extra": {"parameters": [_RESUMABLE]},
    "responses": {
        204: {"description": "Nothing of it is left."},
        **problems({401: UNKNOWN_KEY, **_GONE, 412: _VERSION_PROBLEM}),
    },
}
