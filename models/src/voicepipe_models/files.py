"""Files on disk: hashing, checking, syncing."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from .entry import NEEDED, File, Kind


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def damage(folder: Path, files: Iterable[File]) -> list[str]:
    """A sentence for each file that is missing or differs. Reads every byte."""
    found = []
    for file in files:
        path = folder / file.path
        if not path.is_file():
            found.append(f"{file.path} is missing")
        elif (size_bytes := path.stat().st_size) != file.size_bytes:
            found.append(f"{file.path} has {size_bytes:,} bytes instead of {file.size_bytes:,}")
        elif (sha256 := sha256_of(path)) != file.sha256:
            found.append(f"{file.path} has the SHA-256 {sha256[:12]}... instead of {file.sha256[:12]}...")
    return found


def missing_files(folder: Path, kind: Kind) -> list[str]:
    """The files that a folder lacks to be a model of this kind."""
    return [name for name in NEEDED[kind] if not (folder / name).is_file()]


def measured(folder: Path) -> tuple[File, ...]:
    """The files in a folder with their hashes, for a model whose files the catalogue does not pin."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return tuple(File(str(path.relative_to(folder)), path.stat().st_size, sha256_of(path)) for path in paths)


def sizes_below(folder: Path) -> Iterator[int]:
    """The size of each file, in bytes, while somebody else moves and removes files and folders."""
    for parent, _, names in os.walk(folder):  # which passes over folders that are gone
        for name in names:
            with suppress(OSError):
                yield Path(parent, name).stat().st_size


def link_or_copy(source: Path, target: Path) -> None:
    """Hard-link `source` to `target`, or copy it if the file system cannot link."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(source.resolve())
    except OSError:
        shutil.copyfile(source, target)


def sync_tree(folder: Path) -> None:
    """Sync everything below `folder`, so that a rename after this never exposes incomplete files."""
    for path in [folder, *folder.rglob("*")]:
        sync(path)


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
