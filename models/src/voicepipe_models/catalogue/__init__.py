"""The catalogue: one TOML file per model, in this folder and in the operator's own folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from voicepipe_models.entry import Kind, Model
from voicepipe_models.entry_reader import read_model
from voicepipe_models.errors import CatalogueError


class Catalogue:
    def __init__(self, models: Iterable[Model]) -> None:
        self.models = tuple(models)
        self._by_name: dict[str, Model] = {}
        for model in self.models:
            for name in (model.name, *model.aliases):
                if name in self._by_name:
                    raise CatalogueError(f"{name!r} is a name of both {self._by_name[name].name} and {model.name}.")
                self._by_name[name] = model

    def get(self, name: str) -> Model | None:
        """The model with this name or alias."""
        return self._by_name.get(name)

    def names(self, kind: Kind | None = None) -> list[str]:
        return [model.name for model in self.models if kind in {None, model.kind}]


def load_catalogue(own: Path | None = None) -> Catalogue:
    """The catalogue that comes with Voicepipe. Files in the folder `own` are added and override those of the same name.

    Raises:
        CatalogueError: a file is invalid, or two models claim one name.
    """
    if own and not own.is_dir():
        raise CatalogueError(f"There is no folder {own}: set VOICEPIPE_MODELS_CATALOGUE to a folder with TOML files.")
    folders = [Path(__file__).parent, *([own] if own else [])]
    files = {path.stem: path for folder in folders for path in folder.glob("*.toml")}
    try:
        return Catalogue(read_model(name, path.read_text("utf-8")) for name, path in sorted(files.items()))
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"The catalogue cannot be read: {error}.") from error


def catalogue_of(environment: Mapping[str, str]) -> Catalogue:
    """The catalogue with the files of VOICEPIPE_MODELS_CATALOGUE."""
    own = environment.get("VOICEPIPE_MODELS_CATALOGUE")
    return load_catalogue(Path(own).expanduser() if own else None)
