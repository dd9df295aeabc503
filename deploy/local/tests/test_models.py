"""The models that a stack serves."""

import pytest
from voicepipe_local import models, topology
from voicepipe_local.component import CannotStart
from voicepipe_local.testing import TOY_MODELS, WHISPER_FIXTURE


def test_the_default_is_two_tiers_and_a_diarizer():
    wanted = models.wanted({})
    assert wanted.speech == {"accurate": "whisper-base", "fast": "whisper-tiny.en"}
    assert wanted.speakers == "pyannote-campplus"


def test_only_the_named_tiers_are_served_accurate_first():
    wanted = models.wanted({"VOICEPIPE_MODELS": "fast = org/tiny , accurate=/models/large"})
    assert list(wanted.speech.items()) == [("accurate", "/models/large"), ("fast", "org/tiny")]
    assert models.wanted({"VOICEPIPE_MODELS": "fast=x"}).speech == {"fast": "x"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("whisper-base", "'whisper-base': write TIER=MODEL"),
        ("accurate=", "'accurate=': write TIER=MODEL"),
        ("accurate=a,", "'': write TIER=MODEL"),
        ("sphinx=a", "the tier 'sphinx': the tiers are accurate and fast"),
        ("accurate=a,accurate=b", "two models for the tier 'accurate'"),
    ],
)
def test_an_invalid_setting_stops_the_start_with_a_message(text, message):
    with pytest.raises(CannotStart, match=message):
        models.wanted({"VOICEPIPE_MODELS": text})


def test_the_former_setting_is_refused_and_its_replacement_named():
    with pytest.raises(CannotStart, match="VOICEPIPE_MODELS=accurate=/models/small"):
        models.wanted({"VOICEPIPE_WHISPER_MODEL": "/models/small"})


def test_none_means_no_diarizer():
    assert models.wanted({"VOICEPIPE_DIARIZATION_MODEL": "none"}).speakers is None


def test_a_model_folder_is_served_in_place_without_copying(tmp_path):
    environment = {**TOY_MODELS, "VOICEPIPE_MODELS_DIR": str(tmp_path / "models")}
    reported = []
    served = models.put_in_place(models.wanted(environment), reported.append, environment)
    assert (served.speech, served.speakers, reported) == ({"accurate": WHISPER_FIXTURE}, None, [])
    assert not (tmp_path / "models").exists()


def test_the_diarizers_python_converts_speaker_models(tmp_path):
    environment = {**TOY_MODELS, "VOICEPIPE_MODELS_DIR": str(tmp_path)}
    models.put_in_place(models.wanted(environment), print, environment)
    assert environment["VOICEPIPE_DIARIZER_PYTHON"].endswith(".venv-diarizer/bin/python")


@pytest.mark.parametrize("setting", ["VOICEPIPE_MODELS", "VOICEPIPE_DIARIZATION_MODEL"])
@pytest.mark.parametrize(
    "reference", ["no-such-model", "/no/such/folder", "whisper-base/", str(WHISPER_FIXTURE.parent)]
)
def test_an_unavailable_model_stops_the_start_with_one_message(python_module, tmp_path, setting, reference):
    named = f"accurate={reference}" if setting == "VOICEPIPE_MODELS" else reference
    ended = python_module("voicepipe_local", "up", "--data", str(tmp_path / "data"), env={**TOY_MODELS, setting: named})
    assert ended.returncode == 1
    (message,) = ended.stdout.splitlines()
    assert reference.rstrip("/") in message
    assert "Traceback" not in ended.stderr
    assert [log.name for log in (tmp_path / "data" / "logs").iterdir()] == ["supervisor.log"]  # no server was started


def test_a_request_limit_that_is_not_a_number_stops_the_start():
    assert topology.model_requests({"VOICEPIPE_MODEL_REQUESTS": "8"}) == 8
    with pytest.raises(CannotStart, match="whole number"):
        topology.model_requests({"VOICEPIPE_MODEL_REQUESTS": "many"})
