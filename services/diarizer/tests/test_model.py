"""A model is loaded without executing code in it; an unusable one is refused with a message for the operator."""

import json
import os
import shutil

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from voicepipe_diarizer.engine import ModelUnusable
from voicepipe_diarizer.model import load

from .checkpoint_files import community_1
from .conftest import diarize, settings


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


def test_a_missing_setting_is_refused():
    assert "set VOICEPIPE_DIARIZATION_MODEL" in refusal()


def test_a_missing_folder_is_refused():
    assert "there is no such folder" in refusal(diarization_model="/nowhere/at/all")


def test_a_catalogue_name_is_refused_with_the_command_that_pulls_it():
    assert "`voicepipe-models pull pyannote-campplus`" in refusal(diarization_model="pyannote-campplus")


def test_a_model_that_the_hub_does_not_return_is_refused_without_leaking_the_token(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    message = refusal(diarization_model="nobody/nothing", hub_token="secret-token")
    assert "nobody/nothing cannot be downloaded from the hub" in message
    assert "secret-token" not in message


def changed_config(folder, change) -> str:
    config = yaml.safe_load((folder / "config.yaml").read_text())
    change(config["pipeline"])
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return refusal(diarization_model=str(folder))


def test_a_pipeline_of_another_kind_is_refused(copy):
    message = changed_config(copy, lambda pipeline: pipeline.update(name="os.system"))
    assert "only SpeakerDiarization is supported" in message


@pytest.mark.parametrize("elsewhere", ["pyannote/segmentation-3.0", {"checkpoint": "pyannote/x"}, None])
def test_a_network_outside_the_folder_is_refused(copy, elsewhere):
    message = changed_config(copy, lambda pipeline: pipeline["params"].update(segmentation=elsewhere))
    assert "only files in the model folder ($model/...) are loaded" in message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("config.yaml", "config.yaml"),
        ("segmentation/model.safetensors", "segmentation has neither model.safetensors nor pytorch_model.bin"),
        ("embedding/config.json", "embedding/config.json is missing"),
    ],
)
def test_a_missing_file_is_named(copy, name, message):
    (copy / name).unlink()
    assert message in refusal(diarization_model=str(copy))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("config.yaml", "cannot be loaded"),
        ("embedding/model.safetensors", "embedding/model.safetensors is damaged"),
        ("embedding/config.json", "embedding/config.json is damaged"),
    ],
)
def test_a_damaged_file_is_named(copy, name, message):
    (copy / name).write_bytes(b"\x00not what it was: [")
    assert message in refusal(diarization_model=str(copy))


def test_an_unknown_architecture_is_refused(copy):
    path = copy / "embedding/config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"architecture": "Popen"}))
    assert "embedding is a Popen, but only PyanNet, CAMPPlus," in refusal(diarization_model=str(copy))


def test_weights_that_do_not_fit_the_architecture_are_refused(copy):
    path = copy / "embedding/model.safetensors"
    weights = load_file(path)
    del weights["head.conv1.weight"]
    save_file(weights, path)
    message = refusal(diarization_model=str(copy))
    assert "the weights of embedding do not fit its architecture: 1 are missing" in message
    assert "the first is head.conv1.weight" in message


def test_the_model_name_does_not_contain_the_path(copy):
    assert load(settings(diarization_model=str(copy))).name == "copied"


@pytest.mark.parametrize("name", ["config.yaml", "embedding/config.json", "segmentation/model.safetensors"])
def test_the_revision_changes_with_every_file(model, copy, name):
    assert load(settings(diarization_model=str(copy))).revision == model.revision
    if name.endswith(".safetensors"):
        weights = load_file(copy / name)
        save_file(weights | {"classifier.bias": weights["classifier.bias"] + 1}, copy / name)
    else:
        (copy / name).write_text((copy / name).read_text() + "\n")
    assert load(settings(diarization_model=str(copy))).revision != model.revision


async def test_a_folder_of_pyannote_is_loaded_and_runs(of_pyannote, call):
    loaded = load(settings(diarization_model=str(of_pyannote)))
    assert loaded.name == "community-1"
    assert loaded.pipeline.klustering == "VBxClustering"
    diarization = await diarize(loaded.pipeline, call.between(0, 12))
    assert all(0 <= turn.start_s < turn.end_s for turn in diarization.turns)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("plda", "plda is missing"),
        ("plda/plda.npz", "plda.npz"),
        ("segmentation", "segmentation is missing"),
        ("embedding/pytorch_model.bin", "embedding has neither model.safetensors nor pytorch_model.bin"),
    ],
)
def test_a_missing_part_of_a_folder_of_pyannote_is_named(of_pyannote, tmp_path, name, message):
    copied = shutil.copytree(of_pyannote, tmp_path / "copied")
    shutil.rmtree(copied / name) if (copied / name).is_dir() else (copied / name).unlink()
    assert message in refusal(diarization_model=str(copied))


class Evil:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("format_of", ["zip", "legacy"])
def test_code_in_a_checkpoint_is_never_executed(of_pyannote, tmp_path, format_of):
    copied, ran = shutil.copytree(of_pyannote, tmp_path / "copied"), tmp_path / "ran"
    path = copied / "embedding/pytorch_model.bin"
    torch.save({"state_dict": Evil(ran)}, path, _use_new_zipfile_serialization=format_of == "zip")
    assert "embedding/pytorch_model.bin is" in refusal(diarization_model=str(copied))
    assert not ran.exists()


def test_a_refused_checkpoint_is_named_with_the_code_in_it(of_pyannote, tmp_path):
    copied = shutil.copytree(of_pyannote, tmp_path / "copied")
    torch.save({"state_dict": Evil(tmp_path / "ran")}, copied / "embedding/pytorch_model.bin")
    assert "it contains code besides weights (posix.mkdir)" in refusal(diarization_model=str(copied))
