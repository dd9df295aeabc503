"""The output of `voicepipe-models list` (the catalogue, and other pulled models) and of `describe`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .catalogue import Catalogue
from .entry import Model
from .errors import ModelUnavailable
from .files import measured
from .manifest import NAME as MANIFEST_NAME
from .manifest import Manifest
from .progress import size
from .store import Store

_COLUMNS = ("name", "kind", "tier", "size", "licence", "languages", "from", "state")


def as_table(catalogue: Catalogue, store: Store) -> str:
    rows = [_COLUMNS, *(tuple(_cell(row, column) for column in _COLUMNS) for row in _rows(catalogue, store))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines)


def as_json(catalogue: Catalogue, store: Store) -> str:
    """One object per model: the columns of the table, and `size_bytes`, `download_bytes` and `memory_mb`, or null."""
    return json.dumps(list(_rows(catalogue, store)), indent=2)


def described(folder: Path) -> str:
    """The files of a folder in the form in which a catalogue entry pins them."""
    if not folder.is_dir():
        raise ModelUnavailable(f"There is no folder {folder}.")
    return "\n\n".join(
        f'[[files]]\npath = "{file.path}"\nsize_bytes = {file.size_bytes}\nsha256 = "{file.sha256}"'
        for file in measured(folder)
        if file.path != MANIFEST_NAME
    )


def _rows(catalogue: Catalogue, store: Store) -> list[dict[str, Any]]:
    others = [manifest for manifest in store.manifests() if catalogue.get(manifest.name) is None]
    return [*(_row(model, store) for model in catalogue.models), *(_other(manifest, store) for manifest in others)]


def _other(manifest: Manifest, store: Store) -> dict[str, Any]:
    return {
        "name": manifest.reference,
        "kind": manifest.kind,
        "size_bytes": sum(file.size_bytes for file in manifest.files),
        "from": manifest.source,
        "state": store.state_of_manifest(manifest),
        "path": str(store.path(manifest.name)),
    }


def _row(model: Model, store: Store) -> dict[str, Any]:
    manifest = store.manifest(model.name)
    stored_bytes = sum(file.size_bytes for file in manifest.files) if manifest else None
    return {
        "name": model.name,
        "aliases": model.aliases,
        "title": model.title,
        "kind": model.kind,
        "tier": model.tier,
        "size_bytes": model.disk_bytes or stored_bytes,
        "download_bytes": model.download_bytes,
        "memory_mb": model.memory_mb,
        "licence": sorted({licence.spdx for licence in model.licences}),
        "licences": [
            {"component": licence.component, "spdx": licence.spdx, "attribution": licence.attribution}
            for licence in model.licences
        ],
        "languages": model.languages,
        "from": str(model.source),
        "state": store.state(model),
        "path": str(store.path(model.name)) if manifest else None,
    }


def _cell(row: dict[str, Any], column: str) -> str:
    if column == "size":
        return size(row["size_bytes"]) if row.get("size_bytes") else "unknown"
    value = row.get(column)
    if isinstance(value, list | tuple):
        return ", ".join(value) or "-"
    return str(value) if value else "-"
