"""Every error and warning that a client can see: its code, its statuses and its text. Pure.

`errors.Problem` and `errors.Reject` take their sentences from this table, OpenAPI takes its examples, and
docs/errors.md is generated from it (`python -m voicepipe_wire.error_catalogue`). A code is stable; its text may change.
`{fields}` are filled in where the error is raised; `example` has the values that documentation shows.
"""

from __future__ import annotations

from collections.abc import Mapping

from .entry import Entry
from .jobs import JOBS
from .requests import REQUESTS
from .warnings import WARNINGS

__all__ = ["ERRORS", "JOBS", "MEDIA_FORMATS", "REQUESTS", "WARNINGS", "Entry"]

MEDIA_FORMATS = "WAV, MP3, M4A, FLAC, OGG, WebM or MP4"

ERRORS: Mapping[str, Entry] = {**REQUESTS, **JOBS}
