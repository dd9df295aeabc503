"""The revision of a model: a hash of its files, recorded with every result."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def revision(files: Iterable[Path]) -> str:
    """The first 16 hex digits of a SHA-256 over the names and contents of the files."""
    digest = hashlib.sha256()
    for path in sorted(files, key=lambda path: path.name):
        with path.open("rb") as file:
            digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
