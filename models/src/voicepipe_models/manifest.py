"""The manifest in the folder of a pulled model: its files, its source and its time."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .entry import File, Model

NAME = ".voicepipe-model.json"


@dataclass(frozen=True, slots=True)
class ManifestFile:
    path: str
    size_bytes: int
    sha256: str
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Manifest:
    name: str
    reference: str
    """The name for operators: the model's name, or owner/name on the hub."""
    kind: str
    digest: str
    """Model.digest of the catalogue entry at that time."""
    source: str
    pulled_at: str
    """ISO 8601, UTC."""
    files: tuple[ManifestFile, ...]
    damage: tuple[str, ...] = ()
    """What `verify` has found; a damaged model is pulled again."""

    @property
    def as_files(self) -> tuple[File, ...]:
        return tuple(File(file.path, file.size_bytes, file.sha256) for file in self.files)


def manifest_of(folder: Path, model: Model, files: tuple[File, ...]) -> Manifest:
    return Manifest(
        name=model.name,
        reference=model.reference or model.name,
        kind=model.kind,
        digest=model.digest,
        source=str(model.source),
        pulled_at=datetime.now(UTC).isoformat(timespec="seconds"),
        files=tuple(
            ManifestFile(file.path, file.size_bytes, file.sha256, (folder / file.path).stat().st_mtime_ns)
            for file in files
        ),
    )


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a model's folder; None if there is no readable one."""
    try:
        values: dict[str, Any] = json.loads((folder / NAME).read_text("utf-8"))
        files = tuple(ManifestFile(**file) for file in values.pop("files"))
        return Manifest(files=files, damage=tuple(values.pop("damage")), **values)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    new = folder / f"{NAME}.new"
    new.write_text(json.dumps(asdict(manifest), indent=1) + "\n", "utf-8")
    new.replace(folder / NAME)
