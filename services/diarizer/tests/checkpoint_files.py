"""Model folders in the format of speaker-diarization-community-1, with random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import yaml
from pyannote.audio.core.task import Problem, Resolution, Specifications
from pyannote.audio.models.embedding import WeSpeakerResNet34
from pyannote.audio.models.segmentation import PyanNet
from torch.torch_version import TorchVersion

SPEAKERS_OF_A_WINDOW = Specifications(
    problem=Problem.MONO_LABEL_CLASSIFICATION,
    resolution=Resolution.FRAME,
    duration=10.0,
    classes=["speaker#1", "speaker#2", "speaker#3"],
    powerset_max_classes=2,
    permutation_invariant=True,
)
VOICE = Specifications(problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=10.0)
COMMUNITY_1 = {
    "dependencies": {"pyannote.audio": "4.0.0"},
    "pipeline": {
        "name": "pyannote.audio.pipelines.SpeakerDiarization",
        "params": {
            "clustering": "VBxClustering",
            "segmentation": "$model/segmentation",
            "segmentation_batch_size": 32,
            "embedding": "$model/embedding",
            "embedding_batch_size": 32,
            "embedding_exclude_overlap": True,
            "plda": "$model/plda",
        },
    },
    "params": {"clustering": {"threshold": 0.6, "Fa": 0.07, "Fb": 0.8}, "segmentation": {"min_duration_off": 0.0}},
}


def network(kind, specifications, **parameters):
    torch.manual_seed(1)
    untrained = kind(**parameters)
    untrained.specifications = specifications
    untrained.setup()
    return untrained.eval()


def save(saved, path: Path) -> None:
    """Save a network like pyannote.audio's training does, with metadata next to the weights."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "state_dict": saved.state_dict() | {"loss_func.weight": torch.zeros(2)},
        "hyper_parameters": dict(saved.hparams),
        "pytorch-lightning_version": "2.0.2",
        "epoch": 0,
        "callbacks": {},
        "optimizer_states": [],
    }
    saved.on_save_checkpoint(content)
    content["pyannote.audio"]["versions"]["torch"] = TorchVersion(torch.__version__)
    torch.save(content, path)


def segmentation():
    return network(PyanNet, SPEAKERS_OF_A_WINDOW, lstm={"num_layers": 4, "hidden_size": 128, "bidirectional": True})


def community_1(folder: Path) -> Path:
    save(segmentation(), folder / "segmentation/pytorch_model.bin")
    save(network(WeSpeakerResNet34, VOICE), folder / "embedding/pytorch_model.bin")
    (folder / "plda").mkdir()
    rotation, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((256, 128)))
    np.savez(folder / "plda/xvec_transform.npz", mean1=np.zeros(256), mean2=np.zeros(128), lda=rotation)
    np.savez(folder / "plda/plda.npz", mu=np.zeros(128), tr=np.eye(128), psi=np.linspace(2.0, 0.1, 128))
    (folder / "config.yaml").write_text(yaml.safe_dump(COMMUNITY_1))
    return folder
