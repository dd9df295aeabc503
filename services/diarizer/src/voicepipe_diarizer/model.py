"""The diarization model: from a folder, or from the hub into one; always the same code that reads it."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
import yaml
from huggingface_hub import snapshot_download
from pyannote.audio.core.plda import PLDA
from pyannote.audio.pipelines import SpeakerDiarization

from . import checkpoints
from .checkpoints import CheckpointUnusable
from .pipeline import OncePerWindow
from .settings import Settings

Pipeline = TypeVar("Pipeline", bound=SpeakerDiarization)

KNOWN = (
    "pyannote.audio.pipelines.SpeakerDiarization",
    "pyannote.audio.pipelines.speaker_diarization.SpeakerDiarization",
)
HERE = "$model/"  # in config.yaml: the folder itself
OF_A_MODEL = {".safetensors", ".json", ".bin", ".npz", ".yaml"}
# What comes of files that are missing, damaged or something else.
UNREADABLE = (
    OSError,
    KeyError,
    TypeError,
    ValueError,
    RuntimeError,
    AttributeError,
    zipfile.BadZipFile,
    yaml.YAMLError,
)


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
        pipeline = read_pipeline(folder, OncePerWindow)
    except UNREADABLE as error:
        kind = "" if isinstance(error, CheckpointUnusable) else f"{type(error).__name__}: "
        raise ModelUnusable(f"{settings.diarization_model} cannot be loaded: {kind}{error}") from error
    pipeline.half_precision = settings.half_precision
    pipeline.speed_up()
    if torch.cuda.is_available():
        pipeline.to(torch.device("cuda"))
    return Model(_name(settings), _revision(folder), pipeline)


def read_pipeline(folder: Path, kind: type[Pipeline]) -> Pipeline:
    """What `Pipeline.from_pretrained` does with such a folder, of any subclass, and without running a pickle."""
    config = yaml.safe_load((folder / "config.yaml").read_text())
    name = config["pipeline"]["name"]
    if name not in KNOWN:
        raise ValueError(f"its pipeline is {name}, and only SpeakerDiarization can be run")
    parameters = dict(config["pipeline"]["params"])
    for part in ("segmentation", "embedding"):
        parameters[part] = checkpoints.load(_inside(folder, part, parameters.get(part)))
    parameters["plda"] = _plda(folder, parameters)
    pipeline: Pipeline = kind(**parameters)
    pipeline.instantiate(config["params"])
    return pipeline


def _plda(folder: Path, parameters: dict[str, Any]) -> PLDA:
    """Only one way of clustering asks it anything. The pipeline wants one in any case, and would get it from the hub."""
    if parameters.get("clustering", "VBxClustering") != "VBxClustering":
        return PLDA.__new__(PLDA)
    return PLDA.from_pretrained(_inside(folder, "plda", parameters.get("plda")))


def _inside(folder: Path, part: str, named: object) -> Path:
    """Where config.yaml says that a part is; elsewhere than in the folder nothing is looked for."""
    if not isinstance(named, str) or not named.startswith(HERE):
        raise ValueError(
            f"config.yaml has {part}: {named}, and only what is in the folder itself ({HERE}...) is loaded"
        )
    path = (folder / named.removeprefix(HERE)).resolve()
    if not path.is_dir():
        raise FileNotFoundError(f"{named.removeprefix(HERE)} is missing")
    return path


def _folder(settings: Settings) -> Path:
    named = Path(settings.diarization_model)
    if named.is_dir():
        return named.resolve()
    if settings.diarization_model.startswith((".", "/", "~")):
        raise ModelUnusable(f"VOICEPIPE_DIARIZATION_MODEL names {named}, and there is no such folder")
    if "/" not in settings.diarization_model:
        raise ModelUnusable(
            f"VOICEPIPE_DIARIZATION_MODEL names {named}, which is neither a folder nor a name on the hub (OWNER/NAME). "
            f"If it is in the catalogue, `voicepipe-models pull {named}` makes a folder of it"
        )
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
    for path in sorted(path for path in folder.rglob("*") if path.suffix in OF_A_MODEL and path.name[0] != "."):
        digest.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]
