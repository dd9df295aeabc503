"""Transcripts as files. Existing files are overwritten only with --force."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath, PureWindowsPath

from .errors import InvalidFile


def target_in(folder: Path, name: str, suffix: str) -> Path:
    """NAME.srt for NAME.wav. Directories are stripped: a name from a server must not lead out of `folder`."""
    plain = PureWindowsPath(PurePosixPath(name).name).name.lstrip(".")
    return folder / f"{Path(plain).stem or 'transcript'}.{suffix}"


def check_targets(targets: Iterable[Path], *, overwrite: bool) -> None:
    """Check the targets before anything is sent.

    Raises:
        InvalidFile: two targets are the same, or one exists already.
    """
    seen: set[Path] = set()
    for target in targets:
        if target in seen:
            raise InvalidFile(f"Two recordings would both be saved as {target}. Send them one after the other.")
        seen.add(target)
        if target.exists() and not overwrite:
            raise _exists(target)


def check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise InvalidFile(f"{folder} is a file. Give a folder for the transcripts.")


def save(text: str, target: Path, *, overwrite: bool) -> None:
    """Write the transcript.

    Raises:
        InvalidFile: the file exists already, or cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("w" if overwrite else "x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        raise _exists(target) from None
    except OSError as error:
        raise InvalidFile(f"{target} cannot be written: {error.strerror}.") from None


def _exists(target: Path) -> InvalidFile:
    return InvalidFile(f"{target} already exists. Use --force to overwrite it.")
