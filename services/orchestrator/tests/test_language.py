"""The language is detected in the chunks with the most speech, and chosen only if it is probable enough."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicepipe_orchestrator.domain import SpeechPool
from voicepipe_orchestrator.transcribe.handler import _restrict_to_model
from voicepipe_orchestrator.transcribe.language import (
    ENOUGH_SPEECH_S,
    LanguageChoice,
    choose_language,
    detecting_pool,
    probe_indices,
)
from voicepipe_wire.errors import Reject

speech = st.lists(st.floats(0.1, 28), max_size=120)
probes = st.lists(st.dictionaries(st.sampled_from(["en", "de", "ja"]), st.floats(0, 1), max_size=3), max_size=5)


@given(speech)
def test_three_to_five_chunks_are_probed_or_all_if_there_are_fewer(speech_s):
    indices = probe_indices(len(speech_s), speech_s)
    assert len(indices) == min(len(speech_s), 3 if len(speech_s) < 20 else 5)
    assert list(indices) == sorted(set(indices))
    assert all(0 <= index < len(speech_s) for index in indices)


@given(speech)
def test_a_chunk_with_little_speech_is_probed_only_if_there_are_too_few_others(speech_s):
    indices = probe_indices(len(speech_s), speech_s)
    enough = {index for index, each in enumerate(speech_s) if each >= ENOUGH_SPEECH_S}
    assert set(indices) <= enough or len(enough) < len(indices)


@pytest.mark.parametrize(("chunks", "farthest"), [(9, 6), (100, 40)])
def test_probedare_spread_over_the_recording(chunks, farthest):
    indices = probe_indices(chunks, [20.0] * chunks)
    assert indices[0] < farthest
    assert all(0 < b - a <= farthest for a, b in itertools.pairwise((*indices, chunks)))


def test_each_part_is_probed_at_its_chunk_with_the_most_speech():
    assert probe_indices(6, [6.0, 20.0, 20.0, 9.0, 1.0, 28.0]) == (0, 1, 5)


def test_a_wrong_number_of_speech_lengths_is_rejected():
    with pytest.raises(ValueError, match="3 chunks, but the speech of 2"):
        probe_indices(3, [1.0, 2.0])


@pytest.mark.parametrize(
    ("probed", "language", "probability"),
    [
        ([], None, 0.0),
        ([{}], None, 0.0),
        ([{"en": 0.5}], "en", 0.5),
        ([{"en": 0.9}, {"en": 0.8}, {"de": 1.0}], "en", 0.5667),
        ([{"en": 0.9}, {"de": 0.9}], None, 0.45),
        ([{"de": 0.5, "en": 0.5}], "de", 0.5),
    ],
)
def test_a_language_is_chosen_if_its_mean_probability_is_high_enough(probed, language, probability):
    choice = choose_language(probed)
    assert choice.language == language
    assert choice.probability == pytest.approx(probability, abs=1e-4)


@given(probes, st.randoms())
def test_the_order_of_the_probes_does_not_matter(probed, random):
    shuffled = random.sample(probed, len(probed))
    assert choose_language(shuffled) == choose_language(probed)


ENGLISH, BOTH = ("en",), ("en", "de")


def pools(ready=None, **languages):
    return {name: SpeechPool(name, codes, is_ready=ready is None or name in ready) for name, codes in languages.items()}


def test_a_multilingual_model_detects_the_language_itself():
    assert detecting_pool("accurate", pools(accurate=BOTH, fast=ENGLISH)) == "accurate"


def test_a_multilingual_model_detects_the_language_for_a_monolingual_one():
    assert detecting_pool("fast", pools(accurate=BOTH, fast=ENGLISH)) == "accurate"


def test_a_pool_without_a_worker_detects_no_language_for_another():
    assert detecting_pool("fast", pools(accurate=BOTH, fast=ENGLISH, ready=("fast",))) is None


def test_no_model_detects_the_language_if_all_are_monolingual():
    assert detecting_pool("fast", pools(fast=ENGLISH)) is None


def test_an_unregistered_model_detects_the_language_itself():
    assert detecting_pool("accurate", pools(fast=ENGLISH)) == "accurate"


def test_a_monolingual_model_rejects_a_recording_confidently_in_another_language():
    with pytest.raises(Reject, match="in German, but the model 'fast' knows only English") as rejected:
        _restrict_to_model(LanguageChoice("de", 0.9), "en", "fast")
    assert rejected.value.code == "language_not_known"


def test_an_uncertain_language_is_assumed_to_be_that_of_a_monolingual_model():
    assert _restrict_to_model(LanguageChoice("de", 0.7), "en", "fast") == LanguageChoice("en", None)
    assert _restrict_to_model(LanguageChoice("en", 0.9), "en", "fast") == LanguageChoice("en", 0.9)
