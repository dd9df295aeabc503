"""Ids of unfinished uploads, kept between runs, so that the same command resumes where the last one stopped."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .recording import Recording

# The server expires unfinished uploads, too. If it does so earlier, the upload starts from the beginning.
KEPT_S: Final = 14 * 24 * 3600


@dataclass(frozen=True, slots=True)
class UploadKey:
    """The properties that must be unchanged for an upload to be resumed."""

    server: str
    recording: Recording
    fields: Mapping[str, str]

    @property
    def file_name(self) -> str:
        recording = self.recording
        same = [
            self.server,
            str(recording.path),
            recording.size_bytes,
            recording.modified_ns,
            sorted(self.fields.items()),
        ]
        return hashlib.sha256(json.dumps(same).encode()).hexdigest() + ".json"


class ResumeStore:
    """One small file per upload, replaced atomically, so that concurrent commands do not disturb each other.

    If the folder cannot be written, nothing is remembered between runs; within one run uploads still resume.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def recall(self, key: UploadKey) -> str | None:
        """The id of the unfinished upload, if one is known."""
        if self._folder is None:
            return None
        try:
            upload_id = json.loads((self._folder / key.file_name).read_bytes())["upload_id"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return upload_id if isinstance(upload_id, str) else None

    def remember(self, key: UploadKey, upload_id: str) -> None:
        if self._folder is None:
            return
        entry = {"upload_id": upload_id, "server": key.server, "path": str(key.recording.path)}
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._remove_expired(self._folder)
            handle, name = tempfile.mkstemp(dir=self._folder, suffix=".new")
            with os.fdopen(handle, "w") as file:
                json.dump(entry, file)
            Path(name).replace(self._folder / key.file_name)
        except OSError:
            return

    def forget(self, key: UploadKey) -> None:
        if self._folder is None:
            return
        try:
            (self._folder / key.file_name).unlink(missing_ok=True)
        except OSError:
            return

    def _remove_expired(self, folder: Path) -> None:
        expired_before = time.time() - KEPT_S
        for entry in folder.iterdir():
            if entry.stat().st_mtime < expired_before:
                entry.unlink(missing_ok=True)
