"""A model that cannot be used says why, in words for an operator."""

import shutil

import pytest
import yaml
from voicepipe_diarizer.model import ModelUnusable, load

from .conftest import MODEL, settings


@pytest.fixture
def copy(tmp_path):
    return shutil.copytree(MODEL, tmp_path / "copied")


def refusal(**more) -> str:
    with pytest.raises(ModelUnusable) as refused:
        load(settings(**more))
    return str(refused.value)


def test_none_named():
    assert "set VOICEPIPE_DIARIZATION_MODEL" in refusal()


def test_a_folder_that_is_not_there():
    assert "there is no such folder" in refusal(diarization_model="/nowhere/at/all")


def test_a_name_that_the_hub_does_not_give(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    said = refusal(diarization_model="nobody/nothing", hub_token="secret-token")
    assert "nobody/nothing cannot be had from the hub" in said
    assert "secret-token" not in said


def test_a_pipeline_of_another_kind(copy):
    config = yaml.safe_load((copy / "config.yaml").read_text())
    config["pipeline"]["name"] = "os.system"
    (copy / "config.yaml").write_text(yaml.safe_dump(config))
    assert "only SpeakerDiarization can be run" in refusal(diarization_model=str(copy))


@pytest.mark.parametrize("name", ["config.yaml", "plda/plda.npz", "segmentation/pytorch_model.bin"])
def test_a_missing_file(copy, name):
    (copy / name).unlink()
    assert "cannot be loaded" in refusal(diarization_model=str(copy))


def test_a_damaged_file(copy):
    (copy / "embedding/pytorch_model.bin").write_bytes(b"not a checkpoint")
    assert "cannot be loaded" in refusal(diarization_model=str(copy))


def test_clients_see_the_name_and_not_the_path(copy):
    assert load(settings(diarization_model=str(copy))).name == "copied"


def test_the_revision_is_that_of_the_files(model, copy):
    assert load(settings(diarization_model=str(copy))).revision == model.revision
    config = (copy / "config.yaml").read_text()
    (copy / "config.yaml").write_text(config.replace("min_duration_off: 0.0", "min_duration_off: 0.5"))
    assert load(settings(diarization_model=str(copy))).revision != model.revision
