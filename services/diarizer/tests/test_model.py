"""A model that cannot be used says why, in words for an operator; one that can is loaded without running what is in it."""

import json
import os
import shutil

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from voicepipe_diarizer.model import ModelUnusable, load

from .checkpoint_files import community_1
from .conftest import settings


@pytest.fixture
def copy(default_model, tmp_path):
    return shutil.copytree(default_model, tmp_path / "copied")


@pytest.fixture(scope="module")
def of_pyannote(tmp_path_factory):
    return community_1(tmp_path_factory.mktemp("models") / "community-1")


def refusal(**more) -> str:
    with pytest.raises(ModelUnusable) as refused:
        load(settings(**more))
    return str(refused.value)


def test_none_named():
    assert "set VOICEPIPE_DIARIZATION_MODEL" in refusal()


def test_a_folder_that_is_not_there():
    assert "there is no such folder" in refusal(diarization_model="/nowhere/at/all")


def test_a_name_of_the_catalogue_is_not_a_folder():
    assert "`voicepipe-models pull pyannote-campplus`" in refusal(diarization_model="pyannote-campplus")


def test_a_name_that_the_hub_does_not_give(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    said = refusal(diarization_model="nobody/nothing", hub_token="secret-token")
    assert "nobody/nothing cannot be had from the hub" in said
    assert "secret-token" not in said


def changed_config(folder, change) -> str:
    config = yaml.safe_load((folder / "config.yaml").read_text())
    change(config["pipeline"])
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return refusal(diarization_model=str(folder))


def test_a_pipeline_of_another_kind(copy):
    said = changed_config(copy, lambda pipeline: pipeline.update(name="os.system"))
    assert "only SpeakerDiarization can be run" in said


@pytest.mark.parametrize("elsewhere", ["pyannote/segmentation-3.0", {"checkpoint": "pyannote/x"}, None])
def test_a_part_that_is_not_in_the_folder(copy, elsewhere):
    said = changed_config(copy, lambda pipeline: pipeline["params"].update(segmentation=elsewhere))
    assert "only what is in the folder itself ($model/...) is loaded" in said


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("config.yaml", "config.yaml"),
        ("segmentation/model.safetensors", "segmentation has neither model.safetensors nor pytorch_model.bin"),
        ("embedding/config.json", "embedding/config.json is missing"),
    ],
)
def test_a_missing_file(copy, name, said):
    (copy / name).unlink()
    assert said in refusal(diarization_model=str(copy))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("config.yaml", "cannot be loaded"),
        ("embedding/model.safetensors", "embedding/model.safetensors is damaged"),
        ("embedding/config.json", "embedding/config.json is damaged"),
    ],
)
def test_a_damaged_file(copy, name, said):
    (copy / name).write_bytes(b"\x00not what it was: [")
    assert said in refusal(diarization_model=str(copy))


def test_an_architecture_that_is_not_known(copy):
    path = copy / "embedding/config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"architecture": "Popen"}))
    assert "embedding is a Popen, and only PyanNet, CAMPPlus," in refusal(diarization_model=str(copy))


def test_weights_that_do_not_fit(copy):
    path = copy / "embedding/model.safetensors"
    weights = load_file(path)
    del weights["head.conv1.weight"]
    save_file(weights, path)
    said = refusal(diarization_model=str(copy))
    assert "the weights of embedding do not fit its architecture: 1 are missing, the first is head.conv1.weight" in said


def test_clients_see_the_name_and_not_the_path(copy):
    assert load(settings(diarization_model=str(copy))).name == "copied"


@pytest.mark.parametrize("name", ["config.yaml", "embedding/config.json", "segmentation/model.safetensors"])
def test_the_revision_is_that_of_the_files(model, copy, name):
    assert load(settings(diarization_model=str(copy))).revision == model.revision
    if name.endswith(".safetensors"):
        weights = load_file(copy / name)
        save_file(weights | {"classifier.bias": weights["classifier.bias"] + 1}, copy / name)
    else:
        (copy / name).write_text((copy / name).read_text() + "\n")
    assert load(settings(diarization_model=str(copy))).revision != model.revision


async def test_a_folder_of_pyannote_is_loaded_and_runs(of_pyannote, call):
    from voicepipe_diarizer.run import Limits, Run

    loaded = load(settings(diarization_model=str(of_pyannote)))
    assert loaded.name == "community-1"
    assert loaded.pipeline.klustering == "VBxClustering"
    said = await Run(loaded.pipeline, call.between(0, 12), Limits()).result
    assert all(0 <= turn.start_s < turn.end_s for turn in said.turns)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("plda", "plda is missing"),
        ("plda/plda.npz", "plda.npz"),
        ("segmentation", "segmentation is missing"),
        ("embedding/pytorch_model.bin", "embedding has neither model.safetensors nor pytorch_model.bin"),
    ],
)
def test_a_missing_part_of_a_folder_of_pyannote(of_pyannote, tmp_path, name, said):
    copied = shutil.copytree(of_pyannote, tmp_path / "copied")
    shutil.rmtree(copied / name) if (copied / name).is_dir() else (copied / name).unlink()
    assert said in refusal(diarization_model=str(copied))


class Evil:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("format_of", ["zip", "legacy"])
def test_code_in_a_checkpoint_is_never_run(of_pyannote, tmp_path, format_of):
    copied, ran = shutil.copytree(of_pyannote, tmp_path / "copied"), tmp_path / "ran"
    path = copied / "embedding/pytorch_model.bin"
    torch.save({"state_dict": Evil(ran)}, path, _use_new_zipfile_serialization=format_of == "zip")
    assert "embedding/pytorch_model.bin is" in refusal(diarization_model=str(copied))
    assert not ran.exists()


def test_a_refused_checkpoint_is_named_with_what_it_would_have_run(of_pyannote, tmp_path):
    copied = shutil.copytree(of_pyannote, tmp_path / "copied")
    torch.save({"state_dict": Evil(tmp_path / "ran")}, copied / "embedding/pytorch_model.bin")
    assert "it holds code beside weights (posix.mkdir)" in refusal(diarization_model=str(copied))
