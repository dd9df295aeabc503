"""Loads the diarization model from a folder. A model of the hub is downloaded into a folder first."""

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
from .engine import ModelUnusable
from .pipeline import OncePerWindow
from .settings import Settings

Pipeline = TypeVar("Pipeline", bound=SpeakerDiarization)

KNOWN = (
    "pyannote.audio.pipelines.SpeakerDiarization",
    "pyannote.audio.pipelines.speaker_diarization.SpeakerDiarization",
)
FOLDER_PREFIX = "$model/"  # stands for the model folder in config.yaml
MODEL_SUFFIXES = {".safetensors", ".json", ".bin", ".npz", ".yaml"}
# Raised while loading files that are missing, damaged or of another kind.
LOAD_ERRORS = (
    OSError,
    KeyError,
    TypeError,
    ValueError,
    RuntimeError,
    AttributeError,
    zipfile.BadZipFile,
    yaml.YAMLError,
)


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded model. `revision` changes with every file that affects its output."""

    name: str
    revision: str
    pipeline: OncePerWindow


def load(settings: Settings) -> Model:
    """Load the model, which takes seconds, or minutes from the hub.

    Raises:
        ModelUnusable: as described there.
    """
    if not settings.diarization_model:
        raise ModelUnusable("no model is set: set VOICEPIPE_DIARIZATION_MODEL to a folder or to a name on the hub")
    folder = _folder(settings)
    torch.set_num_threads(settings.threads)
    try:
        pipeline = read_pipeline(folder, OncePerWindow)
    except LOAD_ERRORS as error:
        kind = "" if isinstance(error, CheckpointUnusable) else f"{type(error).__name__}: "
        raise ModelUnusable(f"{settings.diarization_model} cannot be loaded: {kind}{error}") from error
    pipeline.half_precision = settings.half_precision
    pipeline.speed_up()
    if torch.cuda.is_available():
        pipeline.to(torch.device("cuda"))
    return Model(_name(settings), _revision(folder), pipeline)


def read_pipeline(folder: Path, kind: type[Pipeline]) -> Pipeline:
    """Like `Pipeline.from_pretrained` for a folder, but for a given subclass, and without executing pickled code."""
    config = yaml.safe_load((folder / "config.yaml").read_text())
    name = config["pipeline"]["name"]
    if name not in KNOWN:
        raise ValueError(f"its pipeline is {name}, but only SpeakerDiarization is supported")
    parameters = dict(config["pipeline"]["params"])
    for part in ("segmentation", "embedding"):
        parameters[part] = checkpoints.load(_inside(folder, part, parameters.get(part)))
    parameters["plda"] = _plda(folder, parameters)
    pipeline: Pipeline = kind(**parameters)
    pipeline.instantiate(config["params"])
    return pipeline


def _plda(folder: Path, parameters: dict[str, Any]) -> PLDA:
    """The PLDA, or an empty one if the clustering does not use it: without any, the pipeline would download one."""
    if parameters.get("clustering", "VBxClustering") != "VBxClustering":
        return PLDA.__new__(PLDA)
    return PLDA.from_pretrained(_inside(folder, "plda", parameters.get("plda")))


def _inside(folder: Path, part: str, named: object) -> Path:
    """The path of a part that config.yaml names; only folders inside the model folder are accepted."""
    if not isinstance(named, str) or not named.startswith(FOLDER_PREFIX):
        raise ValueError(
            f"config.yaml has {part}: {named}, but only files in the model folder ({FOLDER_PREFIX}...) are loaded"
        )
    path = (folder / named.removeprefix(FOLDER_PREFIX)).resolve()
    if not path.is_dir():
        raise FileNotFoundError(f"{named.removeprefix(FOLDER_PREFIX)} is missing")
    return path


def _folder(settings: Settings) -> Path:
    named = Path(settings.diarization_model)
    if named.is_dir():
        return named.resolve()
    if settings.diarization_model.startswith((".", "/", "~")):
        raise ModelUnusable(f"VOICEPIPE_DIARIZATION_MODEL is {named}, but there is no such folder")
    if "/" not in settings.diarization_model:
        raise ModelUnusable(
            f"VOICEPIPE_DIARIZATION_MODEL is {named}, which is neither a folder nor a name on the hub (OWNER/NAME). "
            f"If it is in the catalogue, pull it with `voicepipe-models pull {named}` and set the folder"
        )
    token = settings.hub_token.get_secret_value() if settings.hub_token else None
    repository, _, revision = settings.diarization_model.partition("@")
    try:
        return Path(snapshot_download(repository, revision=revision or None, token=token))
    except Exception as error:  # the hub's library raises its own errors, those of its HTTP client, and OSError
        raise ModelUnusable(
            f"{repository} cannot be downloaded from the hub: {type(error).__name__}. Check that it exists, that its "
            "terms were accepted, and that VOICEPIPE_HUB_TOKEN is valid"
        ) from error


def _name(settings: Settings) -> str:
    """The name that clients see: of a folder only its last component, not its path."""
    named = Path(settings.diarization_model)
    return named.resolve().name if named.is_dir() else settings.diarization_model


def _revision(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.suffix in MODEL_SUFFIXES and path.name[0] != "."):
        digest.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]
