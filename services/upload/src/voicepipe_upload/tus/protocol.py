"""Parses and validates the headers of tus 1.0.0 (https://tus.io/protocols/resumable-upload). Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from voicepipe_wire.errors import Problem

from voicepipe_upload.checksum import CHECKSUMS, Checksum
from voicepipe_upload.file_name import text_of
from voicepipe_upload.options import NAMES, option_meant_by

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
# Larger than any object store accepts, and within a PostgreSQL bigint.
_MAX_LENGTH: Final = 2**62
_MAX_METADATA_CHARS: Final = 16_384
_MAX_METADATA_KEYS: Final = 64


# tus-js-client and tusd say `filename` and `filetype`; Uppy says `name` and `type` as well.
_NAMES: Final = ("filename", "name")
_TYPES: Final = ("filetype", "type")


@dataclass(frozen=True, slots=True)
class Metadata:
    """`Upload-Metadata`: name, type and options of the transcription. `options` has misspelt options too; nobody else's metadata."""

    name: str | None
    media_type: str | None
    options: tuple[tuple[str, str], ...]


def check_version(headers: Mapping[str, str]) -> None:
    """Require `Tus-Resumable: 1.0.0`.

    Raises:
        Problem: 412 `tus_version`.
    """
    given = headers.get("tus-resumable")
    if given != VERSION:
        raise Problem.of("tus_version", version=VERSION, headers={"Tus-Version": VERSION})


def check_content_type(headers: Mapping[str, str]) -> None:
    """Require the content type of tus.

    Raises:
        Problem: 415 `tus_content_type`.
    """
    if headers.get("content-type", "").partition(";")[0].strip().lower() != CONTENT_TYPE:
        raise Problem.of("tus_content_type", content_type=CONTENT_TYPE)


def offset(headers: Mapping[str, str]) -> int:
    """`Upload-Offset`, in bytes.

    Raises:
        Problem: 400 `invalid_header`.
    """
    value = _number(headers, "upload-offset")
    if value is None:
        raise Problem.of("invalid_header", reason="A PATCH needs Upload-Offset: the number of bytes stored so far")
    return value


def length(headers: Mapping[str, str]) -> int | None:
    """`Upload-Length`, in bytes; None if it is absent.

    Raises:
        Problem: 400 `invalid_header` or `empty_body`.
    """
    value = _number(headers, "upload-length")
    if value == 0:
        raise Problem.of("empty_body")
    return value


def length_of_new(headers: Mapping[str, str]) -> int | None:
    """The length of a new upload, in bytes; None if it is deferred.

    Raises:
        Problem: 400 `invalid_header` or `empty_body`.
    """
    value, deferred = length(headers), headers.get("upload-defer-length")
    if deferred not in {None, "1"} or (value is None) != (deferred == "1"):
        reason = "A new upload needs either 'Upload-Length: BYTES' or 'Upload-Defer-Length: 1'"
        raise Problem.of("invalid_header", reason=reason)
    return value


def checksum(headers: Mapping[str, str]) -> Checksum | None:
    """`Upload-Checksum`; None if it is absent.

    Raises:
        Problem: 400 `invalid_checksum`.
    """
    value = headers.get("upload-checksum")
    if value is None:
        return None
    algorithm, _, encoded = value.strip().partition(" ")
    digest = _base64(encoded)
    if algorithm not in CHECKSUMS or digest is None:
        raise _bad_checksum("the algorithm is unknown, or the digest is not valid base64")
    announced = Checksum(algorithm, digest)
    if len(digest) != announced.hasher().digest_size:
        raise _bad_checksum(f"the digest has the wrong length for {algorithm}")
    return announced


def metadata(header: str) -> Metadata:
    """Parse `Upload-Metadata`.

    tus lets a client describe an upload for itself: Uppy adds `relativePath` and whatever a page sets. Such keys are not read, whatever their
    values; HEAD returns them. A key that is an option, or whose writer probably meant one (`langauge`), is for us: it
    belongs to `options`, so that no option is lost without a word.

    Raises:
        Problem: 400 `invalid_metadata`.
    """
    if len(header) > _MAX_METADATA_CHARS:
        raise _bad_metadata(f"it has more than {_MAX_METADATA_CHARS} characters")
    pairs = dict[str, str]()
    for item in filter(None, (item.strip() for item in header.split(","))):
        key, _, encoded = item.partition(" ")
        if key in pairs:
            raise _bad_metadata("a key is repeated")
        pairs[key] = encoded
    if len(pairs) > _MAX_METADATA_KEYS:
        raise _bad_metadata(f"it has more than {_MAX_METADATA_KEYS} keys")
    ours = {key: _value(key, encoded) for key, encoded in pairs.items() if key in (*_NAMES, *_TYPES)}
    names, types = ([ours[key] for key in keys if ours.get(key)] for keys in (_NAMES, _TYPES))
    meant = (key for key in pairs if key not in ours and option_meant_by(key) is not None)
    options = tuple((key, _value(key, pairs[key])) for key in meant)
    return Metadata(next(iter(names), None), next(iter(types), None), options)


def _value(key: str, encoded: str) -> str:
    value = _base64(encoded)
    if value is None:
        raise _bad_metadata(f"the value of '{key}' is not valid base64")
    if key in NAMES:
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise _bad_metadata(f"the value of '{key}' is not UTF-8") from None
    return text_of(value)


def _bad_metadata(reason: str) -> Problem:
    return Problem.of("invalid_metadata", reason=reason)


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
