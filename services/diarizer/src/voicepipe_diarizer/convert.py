"""Build the default model of the diarizer: `python -m voicepipe_diarizer.convert RAW_DIR OUT_DIR`.

RAW_DIR contains the verified files that the catalogue extracted from a package: `segmentation.bin` (pyannote
segmentation 3.0, MIT), `embedding.pt` (CAM++ of 3D-Speaker, Apache-2.0) and `licences/`. The first two are pickles,
read without executing code in them. OUT_DIR becomes a model folder for `VOICEPIPE_DIARIZATION_MODEL`: `config.yaml`,
`segmentation/`, `embedding/` and `licences/`. Its bytes are the same in every run.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import torch
import yaml
from pyannote.audio.core.task import Problem, Resolution, Specifications

from .checkpoints import Checkpoint, CheckpointUnusable, build, of_pyannote, read_pickle, write

SEGMENTATION, EMBEDDING, LICENCES = "segmentation.bin", "embedding.pt", "licences"
WINDOW_S = 10.0
# Chosen on real recordings: README.md, "How the defaults were chosen".
CONFIG = {
    "dependencies": {"pyannote.audio": "4.0.0"},
    "pipeline": {
        "name": "pyannote.audio.pipelines.SpeakerDiarization",
        "params": {
            "segmentation": "$model/segmentation",
            "segmentation_batch_size": 32,
            "embedding": "$model/embedding",
            "embedding_batch_size": 32,
            "embedding_exclude_overlap": True,
            "clustering": "AgglomerativeClustering",
        },
    },
    "params": {
        "clustering": {"method": "centroid", "min_cluster_size": 8, "threshold": 0.75},
        "segmentation": {"min_duration_off": 0.0},
    },
}


def convert(raw: Path, out: Path) -> None:
    """Read the two networks in `raw`, check their architectures, and write `out`.

    Raises:
        CheckpointUnusable: a pickle is damaged, or contains another network.
        OSError: a file cannot be read or written.
    """
    segmentation = of_pyannote(read_pickle(raw / SEGMENTATION), raw / SEGMENTATION)
    embedding = Checkpoint(
        "CAMPPlus",
        {"sample_rate": 16_000, "num_channels": 1, "num_mel_bins": 80, "embedding_dimension": 192},
        Specifications(problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=WINDOW_S),
        read_pickle(raw / EMBEDDING),
    )
    for checkpoint, name in ((segmentation, SEGMENTATION), (embedding, EMBEDDING)):
        try:
            build(checkpoint)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise CheckpointUnusable(f"{name} is not the expected network: {error}") from error
    write(_halved(segmentation), out / "segmentation")
    write(_halved(embedding), out / "embedding")
    shutil.copytree(raw / LICENCES, out / LICENCES, dirs_exist_ok=True, copy_function=shutil.copyfile)
    # Last: without config.yaml a folder is not a model, so a half-written one is never taken for complete.
    (out / "config.yaml").write_text(yaml.safe_dump(CONFIG, sort_keys=True))


def _halved(checkpoint: Checkpoint) -> Checkpoint:
    """Matrices in half precision, for half the size; vectors (biases, means, variances) are small and unchanged."""
    weights = {
        name: value.half() if value.is_floating_point() and value.ndim > 1 else value
        for name, value in checkpoint.weights.items()
    }
    return replace(checkpoint, weights=weights)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw_dir", type=Path, metavar="RAW_DIR")
    parser.add_argument("out_dir", type=Path, metavar="OUT_DIR")
    options = parser.parse_args()
    torch.set_num_threads(1)
    try:
        convert(options.raw_dir, options.out_dir)
    except (CheckpointUnusable, OSError) as error:
        sys.stderr.write(f"cannot convert {options.raw_dir}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
