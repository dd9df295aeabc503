"""Transcripts as files. What is there is never overwritten unless the user says so."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath, PureWindowsPath

from .errors import InvalidFile


def target_in(folder: Path, name: str, suffix: str) -> Path:
    """NAME.srt for NAME.wav. Names that come from a server lose everything that leads to another folder."""
    plain = PureWindowsPath(PurePosixPath(name).name).name.lstrip(".")
    return folder / f"{Path(plain).stem or 'transcript'}.{suffix}"


def check_targets(targets: Iterable[Path], *, overwrite: bool) -> None:
    """Find out before anything is sent. Raises InvalidFile where two are the same, or one is there already."""
    seen: set[Path] = set()
    for target in targets:
        if target in seen:
            raise InvalidFile(f"Two recordings would both be saved as {target}. Send them one after the other.")
        seen.add(target)
        if target.exists() and not overwrite:
            raise _exists(target)


def check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise InvalidFile(f"{folder} is a file. Give the folder in which transcripts are saved.")


def save(text: str, target: Path, *, overwrite: bool) -> None:
    """Raises InvalidFile where it cannot be written."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("w" if overwrite else "x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        raise _exists(target) from None
    except OSError as error:
        raise InvalidFile(f"{target} cannot be written: {error.strerror}.") from None


def _exists(target: Path) -> InvalidFile:
    return InvalidFile(f"{target} exists already. Use --force to overwrite it.")
