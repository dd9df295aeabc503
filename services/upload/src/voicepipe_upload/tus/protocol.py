"""The headers of tus 1.0.0, read and checked. Pure.

The protocol: https://tus.io/protocols/resumable-upload
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from voicepipe_wire.errors import Problem

from voicepipe_upload.checksum import CHECKSUMS, Checksum

VERSION: Final = "1.0.0"
EXTENSIONS: Final = (
    "creation",
    "creation-with-upload",
    "creation-defer-length",
    "checksum",
    "expiration",
    "termination",
)
CONTENT_TYPE: Final = "application/offset+octet-stream"
# Larger than any length that a store could take, smaller than what PostgreSQL counts to.
_MAX_LENGTH: Final = 2**62
_MAX_METADATA_CHARS: Final = 16_384


@dataclass(frozen=True, slots=True)
class Metadata:
    """`Upload-Metadata`, split into what names the recording and what are options."""

    name: str | None
    media_type: str | None
    options: tuple[tuple[str, str], ...]


def check_version(headers: Mapping[str, str]) -> None:
    """Raises: Problem: 412 `tus_version`."""
    given = headers.get("tus-resumable")
    if given != VERSION:
        raise Problem.of("tus_version", version=VERSION, headers={"Tus-Version": VERSION})


def check_content_type(headers: Mapping[str, str]) -> None:
    """Raises: Problem: 415 `tus_content_type`."""
    if headers.get("content-type", "").partition(";")[0].strip().lower() != CONTENT_TYPE:
        raise Problem.of("tus_content_type", content_type=CONTENT_TYPE)


def offset(headers: Mapping[str, str]) -> int:
    """Raises: Problem: 400 `invalid_header`."""
    value = _number(headers, "upload-offset")
    if value is None:
        raise Problem.of("invalid_header", reason="A PATCH needs Upload-Offset: the number of bytes stored so far")
    return value


def length(headers: Mapping[str, str]) -> int | None:
    """What `Upload-Length` says; None where there is none.

    Raises:
        Problem: 400 `invalid_header` or `empty_body`.
    """
    value = _number(headers, "upload-length")
    if value == 0:
        raise Problem.of("empty_body")
    return value


def length_of_new(headers: Mapping[str, str]) -> int | None:
    """The length of an upload that is created; None where it comes later."""
    value, deferred = length(headers), headers.get("upload-defer-length")
    if deferred not in {None, "1"} or (value is None) != (deferred == "1"):
        reason = "A new upload needs either 'Upload-Length: BYTES' or 'Upload-Defer-Length: 1'"
        raise Problem.of("invalid_header", reason=reason)
    return value


def checksum(headers: Mapping[str, str]) -> Checksum | None:
    """Raises: Problem: 400 `invalid_checksum`."""
    value = headers.get("upload-checksum")
    if value is None:
        return None
    algorithm, _, encoded = value.strip().partition(" ")
    digest = _base64(encoded)
    if algorithm not in CHECKSUMS or digest is None:
        raise _bad_checksum("its algorithm or its base64 cannot be read")
    announced = Checksum(algorithm, digest)
    if len(digest) != announced.hasher().digest_size:
        raise _bad_checksum(f"the digest has the wrong length for {algorithm}")
    return announced


def metadata(header: str) -> Metadata:
    """Raises: Problem: 400 `invalid_metadata`."""
    if len(header) > _MAX_METADATA_CHARS:
        raise Problem.of("invalid_metadata", reason=f"it has more than {_MAX_METADATA_CHARS} characters")
    pairs = dict[str, str]()
    for item in filter(None, (item.strip() for item in header.split(","))):
        key, _, encoded = item.partition(" ")
        value = _base64(encoded)
        text = None if value is None else _text(value)
        if text is None or key in pairs:
            raise Problem.of("invalid_metadata", reason="a key is repeated, or a value is not base64 of UTF-8")
        pairs[key] = text
    # `name` and `type` are what Uppy calls them; it sends both.
    names = [pairs.pop(key, None) for key in ("filename", "name")]
    types = [pairs.pop(key, None) for key in ("filetype", "type")]
    return Metadata(names[0] or names[1], types[0] or types[1], tuple(pairs.items()))


def _number(headers: Mapping[str, str], name: str) -> int | None:
    value = headers.get(name)
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= 19 and int(value) <= _MAX_LENGTH):  # noqa: PLR2004
        raise Problem.of("invalid_header", reason=f"{name.title()} must be a whole number of bytes, 0 or more")
    return int(value)


def _bad_checksum(reason: str) -> Problem:
    return Problem.of("invalid_checksum", reason=reason, algorithms=", ".join(CHECKSUMS))


def _base64(encoded: str) -> bytes | None:
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except ValueError:
        return None


def _text(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None
