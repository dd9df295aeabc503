"""Reads the body of a request in constant memory: as blocks of bytes, or as the fields and the file of a form."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect
from voicepipe_wire.errors import Problem

from . import content_disposition
from .client_pace import ClientPace, Interrupted, PaceLimits

if TYPE_CHECKING:  # exists for type checkers only
    from python_multipart.multipart import MultipartCallbacks

FORM = "multipart/form-data"
FILE_FIELD = "file"
# All fields of a form together; keyterms are the largest.
MAX_FIELD_BYTES = 64 * 1024
MAX_FIELDS = 200


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class FileStart:
    """The start of the file; its bytes follow."""

    name: str | None
    media_type: str | None


Event = Field | FileStart | bytes


async def blocks(request: Request, limits: PaceLimits) -> AsyncIterator[bytes]:
    """The blocks of the body.

    Raises:
        Interrupted: the client disconnected, or sends too slowly.
    """
    stream, pace = request.stream(), ClientPace(limits)
    while True:
        try:
            block = await pace.wait(anext(stream))
        except StopAsyncIteration:
            return
        except ClientDisconnect:
            reason = "The connection ended before all announced bytes had arrived"
            raise Interrupted.of("length_mismatch", reason=reason, next_step="Send the recording again") from None
        pace.received(len(block))
        if block:
            yield block


def is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").lower().startswith(FORM)


async def form_events(request: Request, limits: PaceLimits) -> AsyncIterator[Event]:
    """The fields and the file of a form, in order.

    Raises:
        Interrupted: as `blocks`.
        Problem: 400 `form_malformed`; it cannot be parsed, has no end, too many fields, or not exactly one file.
    """
    boundary = parse_options_header(request.headers.get("content-type"))[1].get(b"boundary")
    form = _Form()
    try:
        parser = MultipartParser(boundary or b"", form.callbacks())
        async for block in blocks(request, limits):
            parser.write(block)
            for event in form.pop_events():
                yield event
    except FormParserError:
        raise Problem.of("form_malformed", reason="cannot be parsed; check the boundary in its content type") from None
    if not form.has_ended:
        raise Problem.of("form_malformed", reason="was cut off before its end")
    if form.files == 0:
        raise Problem.of("form_malformed", reason="has no file")


@dataclass(slots=True)
class _Form:
    """Turns the callbacks of the parser into events."""

    events: list[Event] = field(default_factory=list)
    files: int = 0
    has_ended: bool = False
    _header: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _headers: dict[str, str] = field(default_factory=dict)
    # Name of the current field; None inside the file.
    _field: str | None = None
    _fields: int = 0
    _field_bytes: int = 0

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._headers.clear,
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._start_part,
            "on_part_data": self._data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def pop_events(self) -> list[Event]:
        events, self.events = self.events, []
        return events

    def _end_header(self) -> None:
        # Browsers write names in UTF-8 (RFC 7578, 5.1); latin-1 preserves the bytes while the header is parsed.
        self._headers[self._header.decode("latin-1").lower()] = self._value.decode("latin-1")
        self._header.clear()
        self._value.clear()

    def _start_part(self) -> None:
        disposition = content_disposition.of_part(self._headers.get("content-disposition"))
        self._field = None if disposition.name == FILE_FIELD else disposition.name or ""
        if self._field is None:
            self.files += 1
            self.events.append(FileStart(disposition.file_name, self._headers.get("content-type")))
        elif disposition.file_name is not None:
            raise Problem.of("form_malformed", reason="has a file in a field other than 'file'")
        self._fields += 1
        if self.files > 1 or self._fields > MAX_FIELDS:
            raise Problem.of("form_malformed", reason="has more than one file, or too many fields")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._field is None:
            self.events.append(data[start:end])
            return
        self._field_bytes += end - start
        if self._field_bytes > MAX_FIELD_BYTES:
            raise Problem.of("form_malformed", reason=f"has more than {MAX_FIELD_BYTES} bytes of fields")
        self._value.extend(data[start:end])

    def _end_part(self) -> None:
        if self._field is not None:
            self.events.append(Field(self._field, self._value.decode(errors="replace")))
            self._value.clear()

    def _end(self) -> None:
        self.has_ended = True
