"""Building the default model from two pickles."""

import hashlib
import os

import pytest
import torch
from voicepipe_diarizer import checkpoints
from voicepipe_diarizer.campplus import CAMPPlus
from voicepipe_diarizer.checkpoints import CheckpointUnusable
from voicepipe_diarizer.convert import convert, main

from .checkpoint_files import VOICE, network, save, segmentation


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "raw"
    save(segmentation(), folder / "segmentation.bin")
    torch.save(network(CAMPPlus, VOICE).state_dict(), folder / "embedding.pt")
    (folder / "licences").mkdir()
    (folder / "licences/LICENSE").write_text("MIT")
    return folder


def digests(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_same_input_gives_the_same_bytes(raw, tmp_path):
    for name in ("one", "two"):
        convert(raw, tmp_path / name)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert list(digests(tmp_path / "one")) == [
        "config.yaml",
        "embedding/config.json",
        "embedding/model.safetensors",
        "licences/LICENSE",
        "segmentation/config.json",
        "segmentation/model.safetensors",
    ]


def test_the_converted_networks_equal_those_of_the_pickles(raw, tmp_path):
    convert(raw, tmp_path / "made")
    for name, kind in (("segmentation", segmentation()), ("embedding", network(CAMPPlus, VOICE))):
        made = checkpoints.load(tmp_path / "made" / name)
        assert type(made) is type(kind)
        assert made.specifications == kind.specifications
        torch.testing.assert_close(made.state_dict(), kind.state_dict(), rtol=1e-3, atol=1e-6)


def test_a_missing_pickle_is_named(raw, tmp_path, monkeypatch, capsys):
    (raw / "embedding.pt").unlink()
    monkeypatch.setattr("sys.argv", ["convert", str(raw), str(tmp_path / "made")])
    assert main() == 1
    assert "raw/embedding.pt is missing" in capsys.readouterr().err


def test_an_unexpected_network_is_refused_before_anything_is_written(raw, tmp_path):
    torch.save({"some.weight": torch.zeros(3)}, raw / "embedding.pt")
    with pytest.raises(CheckpointUnusable, match=r"embedding.pt is not the expected network: \d+ are missing"):
        convert(raw, tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_code_in_a_pickle_is_refused(raw, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    torch.save(Evil(), raw / "segmentation.bin")
    with pytest.raises(CheckpointUnusable, match=r"posix\.mkdir"):
        convert(raw, tmp_path / "made")
    assert not (tmp_path / "ran").exists()
