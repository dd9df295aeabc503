"""Reads what the decoder says about a file. It is data of an attacker: it may be anything, of any length, and is never logged."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from voicepipe_wire.error_catalogue import JOBS
from voicepipe_wire.transcript.media import Media

from voicepipe_orchestrator.domain import voice_stride

from .decoder.sandbox import MEASURES

MAX_BYTES: Final = 1 << 20
MAX_VOICES: Final = 256
# Seconds; more than this is no length of a recording.
MAX_S: Final = 1e6


@dataclass(frozen=True, slots=True)
class Found:
    """What a decoder found in a file. `samples` is the length of each voice.

    `lost_s` seconds are missing in the middle, the first of them at `first_s`; `missing_s` at the end. `peak_dbfs` is the loudest sample.
    """

    samples: int
    media: Media
    lost_s: float
    missing_s: float
    peak_dbfs: float
    first_s: float | None = None

    @property
    def is_incomplete(self) -> bool:
        return self.lost_s > 0 or self.missing_s > 0

    @property
    def stride(self) -> int:
        """The number of samples from the start of one voice to that of the next."""
        return voice_stride(self.samples)

    @property
    def all_samples(self) -> int:
        return self.stride * self.media.voices


@dataclass(frozen=True, slots=True)
class Refusal:
    code: str
    values: dict[str, str | int | float]


@dataclass(slots=True)
class Report:
    """What the decoder has said so far."""

    confinement: tuple[str, ...] = ()
    found: Found | None = None
    error: Refusal | None = None
    voices: int = 1
    stated_s: float | None = None
    _rest: bytes = field(default=b"", repr=False)
    _bytes: int = 0

    @property
    def hint_s(self) -> float | None:
        return None if self.stated_s is None else self.stated_s * self.voices

    async def read(self, process: asyncio.subprocess.Process) -> None:
        """Read the lines on stderr until it is closed."""
        assert process.stderr is not None  # noqa: S101
        while block := await process.stderr.read(1 << 14):
            self._bytes += len(block)
            if self._bytes > MAX_BYTES:
                continue
            *lines, self._rest = (self._rest + block).split(b"\n")
            for line in lines:
                self._line(line)

    def _line(self, line: bytes) -> None:
        try:
            fact = msgspec.json.decode(line)
        except msgspec.DecodeError:
            return
        if not isinstance(fact, dict):
            return
        if "confined" in fact:
            self.confinement = tuple(measure for measure in MEASURES if measure in fact["confined"])
        elif "error" in fact:
            self.error = _converted(Refusal, {"code": fact["error"], "values": fact.get("values")}) or self.error
            if self.error and self.error.code not in JOBS:
                self.error = None
        elif "media" in fact:
            self.found = _converted(Found, fact)
        elif isinstance(voices := fact.get("voices"), int):
            self.voices = min(max(voices, 1), MAX_VOICES)
        elif isinstance(stated_s := fact.get("stated_s"), int | float) and 0 <= stated_s < MAX_S:
            self.stated_s = float(stated_s)


def _converted(kind: Any, values: Any) -> Any:
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError:
        return None
