"""The models directory: one folder per model.

MODELS_DIR/NAME/                         a model, with its manifest
MODELS_DIR/.staging/NAME/DIGEST/         files of an unfinished pull, for the next one to reuse
MODELS_DIR/.locks/NAME                   locked (flock) by the pull of that model

Invariants: NAME/ appears by one rename, after its files were verified and synced, so it is complete or absent
whatever kills a pull. A pull changes NAME/ and .staging/NAME/ only under the lock, and checks the state again once it
holds it, because another process may have pulled the model meanwhile. `verify` takes no lock: it only replaces the
manifest. If it races with a pull, the worst that happens is that the next pull fetches the model once more.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from . import sources
from .conversion import convert, python_for
from .entry import File, Model
from .errors import ModelUnavailable
from .files import damage, measured, missing_files, sync, sync_tree
from .manifest import Manifest, manifest_of, read_manifest, write_manifest
from .progress import Reporter, by_lines, silent, size


class State(StrEnum):
    PRESENT = "present"
    ABSENT = "absent"
    DAMAGED = "damaged"
    TOUCHED = "touched"
    """The sizes match but a modification time differs: only reading the files shows whether they are intact."""
    OUTDATED = "outdated"
    """The catalogue has changed since the model was pulled."""


class Store:
    """`say` receives the lines of a pull. A `reporter` replaces it for callers that can show progress."""

    def __init__(
        self, folder: Path, say: Callable[[str], None] | None = None, *, reporter: Reporter | None = None
    ) -> None:
        self.folder = folder
        self._reporter = reporter or (by_lines(say) if say else silent())

    def path(self, name: str) -> Path:
        """The folder of a model, present or not."""
        return self.folder / name

    def manifests(self) -> list[Manifest]:
        """The manifests of all pulled models."""
        folders = sorted(path for path in self.folder.glob("*") if path.is_dir() and not path.name.startswith("."))
        return [manifest for folder in folders if (manifest := read_manifest(folder)) is not None]

    def manifest(self, name: str) -> Manifest | None:
        """The manifest of a pulled model; None if it is not present."""
        return read_manifest(self.path(name))

    def state_of_manifest(self, manifest: Manifest) -> State:
        """Like `state`, for a model that is not in the catalogue."""
        return _state_of(self.path(manifest.name), manifest)

    def state(self, model: Model) -> State:
        """The state of a model by sizes and times; reads no content."""
        manifest = read_manifest(self.path(model.name))
        if manifest is None:
            return State.ABSENT
        return State.OUTDATED if manifest.digest != model.digest else _state_of(self.path(model.name), manifest)

    def pull(self, model: Model) -> Path:
        """Fetch the model unless it is present, and return its folder.

        Concurrent pulls of one model wait for each other. An interrupted pull keeps its files for the next one.

        Raises:
            ModelUnavailable: the model cannot be fetched, verified or stored.
        """
        folder = self.path(model.name)
        before = self.state(model)
        if before is State.PRESENT or (before is State.TOUCHED and not self._writable and not self._damage(model.name)):
            return folder
        try:
            with self._lock(model.name):
                before = self.state(model)
                if before is State.PRESENT or (before is State.TOUCHED and self._refresh_manifest(model)):
                    return folder
                if before is not State.ABSENT:
                    self._reporter.say(f"{model.name} is {_REASONS[before]}; pulling it again.")
                self._fetch_and_install(model, again=before is not State.ABSENT)
        except OSError as error:
            raise ModelUnavailable(
                f"{model.name} could not be put into {self.folder}: {error}. Downloaded files are kept; pull it again."
            ) from error
        return folder

    def verify(self, name: str, model: Model | None) -> list[str]:
        """A sentence for each file of a pulled model that is damaged or missing; reads every byte.

        The result is written to the manifest, so that the next pull repairs the model.
        """
        folder = self.path(name)
        manifest = read_manifest(folder)
        if manifest is None:
            return [f"is not in {self.folder}, or its manifest is missing"]
        if model and model.digest != manifest.digest:
            return ["was pulled before the catalogue changed"]
        found = damage(folder, model.files if model and model.pinned else manifest.as_files)
        if tuple(found) != manifest.damage:
            try:
                write_manifest(folder, replace(manifest, damage=tuple(found)))
            except OSError:
                found += ["and this cannot be recorded here, so pull will not notice it"] if found else []
        return found

    @property
    def _writable(self) -> bool:
        return os.access(self.folder, os.W_OK)

    def _damage(self, name: str) -> list[str]:
        manifest = self.manifest(name)
        return damage(self.path(name), manifest.as_files) if manifest else ["the manifest is missing"]

    def _refresh_manifest(self, model: Model) -> bool:
        """Whether the files are intact although their times differ, as after a copy. If so, record the new times."""
        folder = self.path(model.name)
        manifest = read_manifest(folder)
        if manifest is None or self._damage(model.name):
            return False
        times = (replace(file, mtime_ns=(folder / file.path).stat().st_mtime_ns) for file in manifest.files)
        write_manifest(folder, replace(manifest, files=tuple(times)))
        return True

    def _fetch_and_install(self, model: Model, *, again: bool) -> None:
        unfinished = self.folder / ".staging" / model.name
        staging = unfinished / model.digest[:12]
        staging.mkdir(parents=True, exist_ok=True)
        raw = staging / "raw"
        shutil.rmtree(raw, ignore_errors=True)
        self._check_free_space(model)
        if model.conversion:
            python_for(model.conversion)  # fails before a useless download
        sources.fetch(model, staging, raw, self._reporter, again=again)
        _check(model.name, str(model.source), raw, model.raw_files)
        made = raw
        if model.conversion:
            made = convert(model.conversion, raw, staging / "made", self._reporter)
            _check(model.name, f"{model.conversion.module} of {model.source}", made, model.files)
        if missing := missing_files(made, model.kind):
            raise ModelUnavailable(f"{model.source} is not a {model.kind} model: it has no {' and no '.join(missing)}.")
        files: tuple[File, ...] = model.files or measured(made)
        write_manifest(made, manifest_of(made, model, files))
        sync_tree(made)
        _swap(made, self.path(model.name), staging / "old")
        sync(self.folder)
        shutil.rmtree(unfinished)

    def _check_free_space(self, model: Model) -> None:
        """Fail before a download that cannot fit. Wheels, raw and converted files exist at the same time."""
        need_bytes = (model.download_bytes or 0) + sum(file.size_bytes for file in model.raw_files)
        need_bytes += sum(file.size_bytes for file in model.files) if model.conversion else 0
        free_bytes = shutil.disk_usage(self.folder).free
        if need_bytes > free_bytes:
            raise ModelUnavailable(
                f"{model.name} needs {size(need_bytes)} in {self.folder} while it is pulled, and {size(free_bytes)} "
                "are free. Free some space, or set VOICEPIPE_MODELS_DIR to a larger disk."
            )

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        path = self.folder / ".locks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._reporter.say(f"Another pull of {name} is running; waiting for it.")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield


_REASONS = {
    State.DAMAGED: "damaged",
    State.TOUCHED: "damaged",
    State.OUTDATED: "outdated: the catalogue has changed",
}


def _state_of(folder: Path, manifest: Manifest) -> State:
    if manifest.damage:
        return State.DAMAGED
    state = State.PRESENT
    for file in manifest.files:
        try:
            found = (folder / file.path).stat()
        except OSError:
            return State.DAMAGED
        if found.st_size != file.size_bytes:
            return State.DAMAGED
        if found.st_mtime_ns != file.mtime_ns:
            state = State.TOUCHED
    return state


def _check(name: str, origin: str, folder: Path, files: tuple[File, ...]) -> None:
    if found := damage(folder, files):
        raise ModelUnavailable(
            f"{name} from {origin} is not what the catalogue pins: {'; '.join(found)}. It was not installed."
        )


def _swap(new: Path, target: Path, old: Path) -> None:
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    new.rename(target)
