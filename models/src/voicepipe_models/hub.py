"""Repositories of the Hugging Face hub, downloaded with its own client."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .entry import HUB_FILES, HubSource, Kind
from .errors import ModelUnavailable
from .files import link_or_copy, missing_files, sizes_below
from .progress import Reporter

_POLL_S = 0.5


def fetch_repository(
    source: HubSource, kind: Kind, staging: Path, out: Path, reporter: Reporter, *, again: bool
) -> None:
    """Put the repository's files into `out`, from the local hub cache (HF_HOME) if it has them, else from the hub.

    VOICEPIPE_HUB_TOKEN gives access to gated repositories. With `again` the cache is bypassed.

    Raises:
        ModelUnavailable: the repository cannot be downloaded.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    patterns = list(HUB_FILES[kind])
    if not again:
        try:
            cached = snapshot_download(
                source.repository, revision=source.revision, allow_patterns=patterns, local_files_only=True
            )
        except LocalEntryNotFoundError:
            cached = None
        if cached and not missing_files(Path(cached), kind):
            reporter.say(f"Using {source.repository} from the hub's cache.")
            _link_files(Path(cached), out)
            return
    reporter.say(f"Downloading {source.repository}@{source.revision} from the hub.")
    download = staging / "hub"
    try:
        with _watching(download, reporter):
            snapshot_download(
                source.repository,
                revision=source.revision,
                allow_patterns=patterns,
                local_dir=download,
                cache_dir=staging / "no-cache" if again else None,
                token=os.environ.get("VOICEPIPE_HUB_TOKEN") or None,
            )
    except Exception as error:
        raise ModelUnavailable(_sentence(source, error)) from error
    _link_files(download, out)


@contextmanager
def _watching(folder: Path, reporter: Reporter) -> Iterator[None]:
    """Report the bytes downloaded: the hub client's own progress bars work only on terminals."""
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_POLL_S):
            reporter.progress(sum(sizes_below(folder)), None)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _link_files(folder: Path, out: Path) -> None:
    """Link all files except the hub client's own metadata."""
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and not relative.parts[0].startswith("."):
            link_or_copy(path, out / relative)


def _sentence(source: HubSource, error: Exception) -> str:
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    if isinstance(error, GatedRepoError):
        why = "it is gated: accept its terms on the hub, and set VOICEPIPE_HUB_TOKEN to a token of that account"
    elif isinstance(error, RepositoryNotFoundError):
        why = "the hub has no such repository, or it is private and needs a VOICEPIPE_HUB_TOKEN"
    elif isinstance(error, RevisionNotFoundError):
        why = f"it has no revision {source.revision}"
    else:
        why = f"{type(error).__name__}: is the hub reachable from this machine?"
    return (
        f"{source.repository} could not be downloaded from the hub ({why}). Alternatively, name a folder that holds "
        "the model, or set HF_HOME to a cache that has it."
    )
