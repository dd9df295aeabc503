"""Which models a stack serves."""

import pytest
from voicepipe_local import models
from voicepipe_local.parts import CannotStart


def test_without_a_setting_two_tiers_and_speakers_are_served():
    wanted = models.wanted({})
    assert wanted.speech == {"accurate": "whisper-base", "fast": "whisper-tiny.en"}
    assert wanted.speakers == "pyannote-campplus"


def test_only_the_named_tiers_are_served_the_accurate_first():
    wanted = models.wanted({"VOICEPIPE_MODELS": "fast = org/tiny , accurate=/models/large"})
    assert list(wanted.speech.items()) == [("accurate", "/models/large"), ("fast", "org/tiny")]
    assert models.wanted({"VOICEPIPE_MODELS": "fast=x"}).speech == {"fast": "x"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("whisper-base", "'whisper-base': write TIER=MODEL"),
        ("accurate=", "'accurate=': write TIER=MODEL"),
        ("accurate=a,", "'': write TIER=MODEL"),
        ("sphinx=a", "the tier 'sphinx': the tiers are accurate and fast"),
        ("accurate=a,accurate=b", "two models for the tier 'accurate'"),
    ],
)
def test_a_setting_that_cannot_be_read_stops_the_start_with_a_sentence(text, says):
    with pytest.raises(CannotStart, match=says):
        models.wanted({"VOICEPIPE_MODELS": text})


def test_the_setting_of_before_is_refused_with_its_replacement():
    with pytest.raises(CannotStart, match="VOICEPIPE_MODELS=accurate=/models/small"):
        models.wanted({"VOICEPIPE_WHISPER_MODEL": "/models/small"})


def test_none_means_no_diarizer():
    assert models.wanted({"VOICEPIPE_DIARIZATION_MODEL": "none"}).speakers is None
