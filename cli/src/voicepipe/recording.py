"""A local recording, as it was when its upload started."""

from __future__ import annotations

import asyncio
import mimetypes
import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from .errors import InvalidFile

BLOCK_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Recording:
    path: Path
    size_bytes: int
    modified_ns: int

    @classmethod
    def at(cls, path: Path) -> Recording:
        """Describe the file at `path`.

        Raises:
            InvalidFile: the file does not exist, is empty or cannot be read.
        """
        if not path.exists():
            raise InvalidFile(f"There is no file {path}.")
        if not path.is_file():
            raise InvalidFile(f"{path} is not a file.")
        if not os.access(path, os.R_OK):
            raise InvalidFile(f"{path} is not readable. Check its permissions.")
        status = path.stat()
        if status.st_size == 0:
            raise InvalidFile(f"{path} is empty.")
        return cls(path.resolve(), status.st_size, status.st_mtime_ns)

    @property
    def name(self) -> str:
        """The name to send, which must be text. A file's name is bytes; those that are not UTF-8 were written in an older encoding."""
        try:
            return os.fsencode(self.path.name).decode()
        except UnicodeDecodeError:
            return os.fsencode(self.path.name).decode("cp1252", "replace")

    @property
    def media_type(self) -> str:
        """Guessed from the name. Only a hint: the server inspects the content."""
        return mimetypes.guess_type(self.path.name)[0] or "application/octet-stream"

    async def blocks(self, offset_bytes: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from `offset_bytes` to the end, read in a thread.

        A change is detected before the last block is yielded, so that a mix of two recordings never becomes a complete
        upload.

        Raises:
            InvalidFile: the file cannot be read, or has changed.
        """
        try:
            with await asyncio.to_thread(self.path.open, "rb") as file:
                file.seek(offset_bytes)
                left_bytes = self.size_bytes - offset_bytes
                while left_bytes > 0:
                    block = await asyncio.to_thread(file.read, min(BLOCK_BYTES, left_bytes))
                    left_bytes -= len(block)
                    if not block or (left_bytes == 0 and not self._is_unchanged(file)):
                        raise InvalidFile(
                            f"{self.path} changed while it was being sent. Try again when it is complete."
                        )
                    yield block
        except OSError as error:
            raise InvalidFile(f"{self.path} could not be read: {error.strerror or error}.") from error

    def _is_unchanged(self, file: BinaryIO) -> bool:
        status = os.fstat(file.fileno())
        return (status.st_size, status.st_mtime_ns) == (self.size_bytes, self.modified_ns)
