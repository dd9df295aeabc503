"""One network on disk: a folder in one of two formats.

This project's format: `model.safetensors`, and `config.json` with `architecture`, `hyper_parameters` and
`specifications`. pyannote.audio's format: `pytorch_model.bin`, a pickle. `Model.from_pretrained` would execute code in
it. Here it may contain only weights, plain values and the four classes in `HARMLESS`; a pickle with anything else is
refused before it is loaded.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pyannote.audio.core.model import Model as Network
from pyannote.audio.core.task import Problem, Resolution, Specifications
from pyannote.audio.models.embedding import (
    WeSpeakerResNet34,
    WeSpeakerResNet152,
    WeSpeakerResNet221,
    WeSpeakerResNet293,
)
from pyannote.audio.models.segmentation import PyanNet
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals
from torch.torch_version import TorchVersion

from .campplus import CAMPPlus

WEIGHTS, CONFIG, PICKLE = "model.safetensors", "config.json", "pytorch_model.bin"
ARCHITECTURES: Mapping[str, type[Network]] = {
    kind.__name__: kind
    for kind in (PyanNet, CAMPPlus, WeSpeakerResNet34, WeSpeakerResNet152, WeSpeakerResNet221, WeSpeakerResNet293)
}
HARMLESS = [Problem, Resolution, Specifications, TorchVersion]


class CheckpointUnusable(ValueError):
    """A network is missing, damaged or unsupported. The message names the file."""


@dataclasses.dataclass(frozen=True, slots=True)
class Checkpoint:
    """A network as data: its class, the arguments of its constructor, its task specifications, and its weights."""

    architecture: str
    hyper_parameters: dict[str, Any]
    specifications: Specifications
    weights: dict[str, torch.Tensor]


def load(folder: Path) -> Network:
    """The network of `folder`, on the CPU and in evaluation mode.

    Raises:
        CheckpointUnusable: as described there.
    """
    checkpoint = read(folder)
    if checkpoint.architecture not in ARCHITECTURES:
        raise CheckpointUnusable(
            f"{folder.name} is a {checkpoint.architecture}, but only {', '.join(ARCHITECTURES)} are supported"
        )
    try:
        return build(checkpoint)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointUnusable(f"the weights of {folder.name} do not fit its architecture: {error}") from error


def build(checkpoint: Checkpoint) -> Network:
    kind = ARCHITECTURES[checkpoint.architecture]
    known = inspect.signature(kind).parameters
    network = kind(**{name: value for name, value in checkpoint.hyper_parameters.items() if name in known})
    network.specifications = checkpoint.specifications
    network.setup()  # adds the layers that depend on the specifications
    missing, _ = network.load_state_dict(
        checkpoint.weights, strict=False
    )  # surplus weights were used for training only
    if missing:
        raise ValueError(f"{len(missing)} are missing, the first is {missing[0]}")
    return network.eval()


def read(folder: Path) -> Checkpoint:
    if (folder / WEIGHTS).is_file():
        return _safetensors(folder)
    if (folder / PICKLE).is_file():
        return of_pyannote(read_pickle(folder / PICKLE), folder / PICKLE)
    raise CheckpointUnusable(f"{folder.name} has neither {WEIGHTS} nor {PICKLE}")


def write(checkpoint: Checkpoint, folder: Path) -> None:
    """Write `checkpoint` in this project's format; the same checkpoint always gives the same bytes."""
    specified = dataclasses.asdict(checkpoint.specifications)
    config = {
        "architecture": checkpoint.architecture,
        "hyper_parameters": checkpoint.hyper_parameters,
        "specifications": {
            **specified,
            "problem": checkpoint.specifications.problem.name,
            "resolution": checkpoint.specifications.resolution.name,
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    save_file({name: value.contiguous() for name, value in checkpoint.weights.items()}, folder / WEIGHTS)


def read_pickle(path: Path) -> Any:
    """Load a pickle that contains only weights, plain values and classes in `HARMLESS`.

    Raises:
        CheckpointUnusable: it is missing, damaged, or contains anything else.
    """
    if not path.is_file():
        raise CheckpointUnusable(f"{_named(path)} is missing")
    try:
        with safe_globals(HARMLESS):
            unknown = get_unsafe_globals_in_checkpoint(path)
            content = None if unknown else torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, ValueError, RuntimeError, pickle.UnpicklingError) as error:
        raise CheckpointUnusable(f"{_named(path)} is damaged or not a torch checkpoint") from error
    if unknown:
        raise CheckpointUnusable(
            f"{_named(path)} is refused: it contains code besides weights ({', '.join(sorted(unknown))})"
        )
    return content


def of_pyannote(content: Any, path: Path) -> Checkpoint:
    """The checkpoint in the `content` of a file that `pyannote.audio.Model` saved; `path` is for error messages."""
    try:
        metadata = content["pyannote.audio"]
        return Checkpoint(
            str(metadata["architecture"]["class"]),
            dict(content["hyper_parameters"]),
            metadata["specifications"],
            dict(content["state_dict"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointUnusable(f"{_named(path)} is not a pyannote.audio checkpoint: {error} is missing") from error


def _safetensors(folder: Path) -> Checkpoint:
    try:
        weights = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise CheckpointUnusable(f"{folder.name}/{WEIGHTS} is damaged: {error}") from error
    try:
        config = json.loads((folder / CONFIG).read_text())
        specified = dict(config["specifications"])
        specifications = Specifications(
            **{
                **specified,
                "problem": Problem[specified["problem"]],
                "resolution": Resolution[specified["resolution"]],
                "warm_up": tuple(specified["warm_up"]),
            }
        )
        return Checkpoint(str(config["architecture"]), dict(config["hyper_parameters"]), specifications, weights)
    except FileNotFoundError as error:
        raise CheckpointUnusable(f"{folder.name}/{CONFIG} is missing") from error
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise CheckpointUnusable(f"{folder.name}/{CONFIG} is damaged: {type(error).__name__}: {error}") from error


def _named(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
