"""Resolves a model reference to a folder."""

from __future__ import annotations

import os
from pathlib import Path

from .catalogue import Catalogue, catalogue_of
from .entry import Kind, Model, hub_model
from .entry_reader import REPOSITORY
from .errors import ModelUnavailable, UnknownModel
from .files import missing_files
from .store import Store


def resolve(reference: str, kind: Kind, store: Store, catalogue: Catalogue | None = None) -> Path:
    """The folder of the model that `reference` names, pulled if necessary.

    A reference is a name or an alias in the catalogue, a folder, or a hub repository (`owner/name` or
    `owner/name@revision`), tried in this order. A folder is used in place. The default catalogue is Voicepipe's with
    the files of VOICEPIPE_MODELS_CATALOGUE.

    Raises:
        UnknownModel: the reference names nothing.
        ModelUnavailable: the model cannot be pulled, or the folder is incomplete.
    """
    if catalogue is None:
        catalogue = catalogue_of(os.environ)
    if not reference:
        raise UnknownModel(f"No {kind} model is given. {_known(kind, catalogue)}")
    if model := named(reference, kind, catalogue):
        return store.pull(model).absolute()
    return _folder(Path(reference).expanduser(), kind, catalogue)


def named(reference: str, kind: Kind, catalogue: Catalogue) -> Model | None:
    """The model in the catalogue or on the hub; None for a folder.

    Raises:
        UnknownModel: the reference is none of these, or a model of another kind.
    """
    if model := catalogue.get(reference):
        if model.kind is not kind:
            raise UnknownModel(f"{model.name} is a {model.kind} model, not a {kind} model. {_known(kind, catalogue)}")
        return model
    if reference.startswith(("/", ".", "~")) or Path(reference).is_dir():
        return None
    repository, _, revision = reference.partition("@")
    if REPOSITORY.fullmatch(repository):
        return hub_model(repository, revision or "main", kind)
    raise UnknownModel(f"There is no {kind} model {reference!r}. {_known(kind, catalogue)}")


def _folder(folder: Path, kind: Kind, catalogue: Catalogue) -> Path:
    if not folder.is_dir():
        raise UnknownModel(f"There is no folder {folder}. {_known(kind, catalogue)}")
    if missing := missing_files(folder, kind):
        what = "CTranslate2 Whisper" if kind is Kind.SPEECH else "pyannote.audio pipeline"
        raise ModelUnavailable(f"{folder} is not a {what}: it has no {' and no '.join(missing)}.")
    return folder.absolute()


def _known(kind: Kind, catalogue: Catalogue) -> str:
    return f"Give a name from the catalogue ({', '.join(catalogue.names(kind))}), a folder, or owner/name on the hub."
