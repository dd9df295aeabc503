"""The diarization model: from a folder, or from the hub into one; always the same code that reads it."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from huggingface_hub import snapshot_download

from .pipeline import OncePerWindow
from .settings import Settings

KNOWN = (
    "pyannote.audio.pipelines.SpeakerDiarization",
    "pyannote.audio.pipelines.speaker_diarization.SpeakerDiarization",
)
# What comes of files that are missing, damaged or something else.
UNREADABLE = (OSError, EOFError, KeyError, TypeError, ValueError, RuntimeError, pickle.UnpicklingError, yaml.YAMLError)


class ModelUnusable(Exception):
    """There is no model, or it is not one that this version can run. The message is for the operator."""


@dataclass(frozen=True, slots=True)
class Model:
    """`revision` changes with every file that decides who is heard."""

    name: str
    revision: str
    pipeline: OncePerWindow


def load(settings: Settings) -> Model:
    """Takes seconds, from the hub minutes.

    Raises:
        ModelUnusable
    """
    if not settings.diarization_model:
        raise ModelUnusable("no model is named: set VOICEPIPE_DIARIZATION_MODEL to a folder, or to a name on the hub")
    folder = _folder(settings)
    torch.set_num_threads(settings.threads)
    try:
        config = yaml.safe_load((folder / "config.yaml").read_text())
        pipeline = _pipeline(config, folder)
    except UNREADABLE as error:
        raise ModelUnusable(
            f"{settings.diarization_model} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    pipeline.half_precision = settings.half_precision
    return Model(_name(settings), _revision(folder), pipeline)


def _pipeline(config: dict[str, Any], folder: Path) -> OncePerWindow:
    """What `Pipeline.from_pretrained` does with such a folder, with our class in the place of the stock one."""
    name = config["pipeline"]["name"]
    if name not in KNOWN:
        raise ValueError(f"its pipeline is {name}, and only SpeakerDiarization can be run")
    parameters = {
        key: value.replace("$model", str(folder)) if isinstance(value, str) else value
        for key, value in config["pipeline"].get("params", {}).items()
    }
    pipeline = OncePerWindow(**parameters)
    pipeline.instantiate(config["params"])
    pipeline.speed_up()
    if torch.cuda.is_available():
        pipeline.to(torch.device("cuda"))
    return pipeline


def _folder(settings: Settings) -> Path:
    named = Path(settings.diarization_model)
    if named.is_dir():
        return named.resolve()
    if settings.diarization_model.startswith((".", "/", "~")):
        raise ModelUnusable(f"VOICEPIPE_DIARIZATION_MODEL names {named}, and there is no such folder")
    token = settings.hub_token.get_secret_value() if settings.hub_token else None
    repository, _, revision = settings.diarization_model.partition("@")
    try:
        return Path(snapshot_download(repository, revision=revision or None, token=token))
    except Exception as error:  # the hub's library raises its own, its HTTP client's and the system's
        raise ModelUnusable(
            f"{repository} cannot be had from the hub: {type(error).__name__}. Does it exist, were its terms accepted, "
            "is VOICEPIPE_HUB_TOKEN right?"
        ) from error


def _name(settings: Settings) -> str:
    """Without the path of a folder: clients see it."""
    named = Path(settings.diarization_model)
    return named.resolve().name if named.is_dir() else settings.diarization_model


def _revision(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.suffix in {".bin", ".npz", ".yaml"}):
        digest.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]
