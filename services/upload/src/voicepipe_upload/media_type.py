"""What a recording is: the type that its sender declared, and what its first bytes say. Pure.

A declared type never refuses a recording by itself, because clients declare what they know: the default of their library, the type of
an extension (`.ts` is also a language), a wildcard. The bytes decide. A type that is no kind of audio or video needs bytes that certainly are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from voicepipe_wire.errors import Problem

from .sniff import reject_non_media

UNKNOWN_TYPE: Final = "application/octet-stream"

# What clients declare of any file. It says nothing of the body.
_DEFAULTS: Final = frozenset(
    {UNKNOWN_TYPE, "binary/octet-stream", "application/x-www-form-urlencoded", "application/x-binary"}
)
# Media containers registered outside audio/ and video/.
_OTHER_MEDIA_TYPES: Final = frozenset(
    {"application/ogg", "application/mp4", "application/x-matroska", "application/mxf"}
)
# Tokens of RFC 9110, at most 60 characters each. A wildcard is no type.
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,60}")

# Python's `mimetypes` depends on the machine and lacks half of these.
_TYPE_BY_EXTENSION: Final[Mapping[str, str]] = {
    "aac": "audio/aac",
    "aif": "audio/aiff",
    "aiff": "audio/aiff",
    "amr": "audio/amr",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "mka": "audio/x-matroska",
    "mkv": "video/x-matroska",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "wav": "audio/wav",
    "webm": "video/webm",
    "wma": "audio/x-ms-wma",
}


class _Container(NamedTuple):
    """`also` are parts of the subtypes that are right for it too."""

    media_type: str
    also: tuple[str, ...]


_WAV: Final = _Container("audio/wav", ("wav",))
_MPEG: Final = _Container("audio/mpeg", ("mpeg", "mp3", "mpga"))
# An ID3 tag may stand before anything.
_ID3: Final = _Container("audio/mpeg", ("",))
_ADTS: Final = _Container("audio/aac", ("aac", "adts"))
_MP4: Final = ("mp4", "m4a", "m4b", "m4v", "quicktime", "3gp")
_TRANSPORT_STREAM: Final = _Container("video/mp2t", ("mp2t", "mpegts"))
_TRANSPORT_PACKET_BYTES: Final = 188

# First bytes -> container.
_MAGIC: Final[Mapping[bytes, _Container]] = {
    b"RF64": _WAV,
    b"BW64": _WAV,
    b"riff\x2e\x91\xcf\x11": _WAV,
    b"fLaC": _Container("audio/flac", ("flac",)),
    b"OggS": _Container("audio/ogg", ("ogg", "opus", "speex", "vorbis")),
    b"ID3": _ID3,
    b"#!AMR": _Container("audio/amr", ("amr", "3gpp")),
    b"caff": _Container("audio/x-caf", ("caf",)),
    b".snd": _Container("audio/basic", ("basic", "au")),
    b"wvpk": _Container("audio/x-wavpack", ("wavpack",)),
    b"MAC ": _Container("audio/x-ape", ("ape", "monkeys")),
    b"TTA1": _Container("audio/x-tta", ("tta",)),
    b"\x0b\x77": _Container("audio/ac3", ("ac3",)),
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": _Container("video/x-ms-asf", ("ms-",)),
    b"FLV\x01": _Container("video/x-flv", ("flv",)),
    b".RMF": _Container("audio/x-pn-realaudio", ("real", "rn-")),
    b"\x00\x00\x01\xba": _Container("video/mpeg", ("mpeg", "mp2p")),
    b"\x06\x0e\x2b\x34": _Container("application/mxf", ("mxf",)),
}
# First bytes and, after a size, the kind of form (IFF) -> container.
_FORMS: Final[Mapping[tuple[bytes, bytes], _Container]] = {
    (b"RIFF", b"WAVE"): _WAV,
    (b"RIFF", b"AVI "): _Container("video/x-msvideo", ("avi", "msvideo")),
    (b"FORM", b"AIFF"): _Container("audio/aiff", ("aif",)),
    (b"FORM", b"AIFC"): _Container("audio/aiff", ("aif",)),
}


def declared_type(declared: str | None, name: str) -> str:
    """The declared type without its parameters. If it says nothing, or is malformed: the type of the name's extension."""
    declared = (declared or "").partition(";")[0].strip().lower()
    if declared in _DEFAULTS or "*" in declared or not _MEDIA_TYPE.fullmatch(declared):
        return _TYPE_BY_EXTENSION.get(name.rpartition(".")[2].lower(), UNKNOWN_TYPE)
    return declared


def confirmed_type(head: bytes, declared: str) -> str:
    """The type to store: `declared`, or that of the container if `declared` contradicts it.

    `head` are the first `sniff.HEAD_BYTES` of a recording, or all of it if it is shorter; `declared` is a result of `declared_type`.

    Raises:
        Problem: 415 `not_audio`; 415 `unsupported_media_type`, the declared type is no kind of audio or video, and the bytes are none
            that we know.
    """
    reject_non_media(head)
    container = _container_of(head)
    if container is None:
        if declared != UNKNOWN_TYPE and not _is_media(declared):
            raise Problem.of("unsupported_media_type", declared=declared[:80])
        return declared
    subtype = declared.partition("/")[2]
    is_right = _is_media(declared) and any(part in subtype for part in container.also)
    return declared if is_right else container.media_type


def _is_media(declared: str) -> bool:
    return declared.startswith(("audio/", "video/")) or declared in _OTHER_MEDIA_TYPES


def _container_of(head: bytes) -> _Container | None:
    """The container that the bytes certainly begin; None of any other."""
    if found := next((container for magic, container in _MAGIC.items() if head.startswith(magic)), None):
        return found
    if found := _FORMS.get((head[:4], head[8:12])):
        return found
    if head[4:8] in {b"ftyp", b"moov", b"mdat", b"wide"}:
        return _Container(_mp4_type(head[8:12]), _MP4)
    if head.startswith(b"\x1aE\xdf\xa3"):
        media_type = "video/webm" if b"webm" in head[:64] else "video/x-matroska"
        return _Container(media_type, ("webm", "matroska"))
    if head[:1] == head[_TRANSPORT_PACKET_BYTES : _TRANSPORT_PACKET_BYTES + 1] == b"\x47":
        return _TRANSPORT_STREAM
    return _mpeg_audio(head)


def _mp4_type(brand: bytes) -> str:
    if brand in {b"M4A ", b"M4B "}:
        return "audio/mp4"
    return "video/quicktime" if brand == b"qt  " else "video/mp4"


def _mpeg_audio(head: bytes) -> _Container | None:
    """The header of a frame (ISO 11172-3, 2.4.1.3): eleven bits set, and no reserved layer, bitrate or sample rate."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:  # noqa: PLR2004
        return None
    if head[1] & 0xF6 == 0xF0:  # noqa: PLR2004 - ADTS: layer 0
        return _ADTS
    is_valid = head[1] & 0x06 and head[1] & 0x18 != 0x08 and head[2] >> 4 != 0xF and head[2] & 0x0C != 0x0C  # noqa: PLR2004
    return _MPEG if is_valid else None
