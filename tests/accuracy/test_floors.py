"""What the real models must reach on the whole pipeline: floors well below what was measured, so that only a fault falls through them.

What was measured (`make accuracy`, docs/accuracy.md; the last figures are printed by every run of these tests) stands beside each. A floor leaves room for other processors, whose rounding differs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from . import corpus, sounds, speakers, words
from .corpus import PHONE_CALL, Recording
from .product_client import ProductClient
from .runs import Hypothesis

NO_WORDS = ("silence", "white-noise-20dB", "pink-noise-20dB", "music")
CLIPS = {
    "en": ("B_libri_1272-128104-0000", "D_jfk_inaugural", "B_google_brooklyn"),
    "de": ("C_de_ibm_8k", "C_de_leopard"),
    "fr": ("C_fr_ibm_udhr1", "C_fr_cheetah"),
    "es": ("C_es_leopard", "D_es_librivox_notice"),
}
# Most that may be wrong, as a share of the words.
PHONE_CALL_WER = {"accurate": 0.20, "fast": 0.25}  # 13 % and 16 % measured
CLIPS_WER = {"en": 0.06, "de": 0.25, "fr": 0.15, "es": 0.12}  # 0.0, 16.0, 6.7 and 3.7 % measured
PHONE_CALL_DER = {0.0: 0.12, 0.25: 0.05}  # 6.1 % and 1.5 % measured


pytestmark = pytest.mark.timeout(400)  # the first test starts the stack


@dataclass(frozen=True, slots=True)
class Accuracy:
    """What the pipeline heard in each recording."""

    recordings: dict[str, Recording]
    heard: dict[str, Hypothesis]

    def wer(self, *names: str) -> float:
        counts = [words.compare(self.recordings[name], self.heard[name]) for name in names]
        return sum(count.wrong for count in counts) / sum(count.said for count in counts)


@pytest.fixture(scope="module")
def product(real_stack) -> Iterator[ProductClient]:
    client = ProductClient(real_stack.url, real_stack.headers)
    yield client
    client.close()


@pytest.fixture(scope="module")
def accuracy(product: ProductClient, tmp_path_factory) -> Accuracy:
    """All recordings at once, as the command sends them."""
    clips = [name for names in CLIPS.values() for name in names]
    made = [one for one in sounds.recordings(tmp_path_factory.mktemp("sounds")) if one.id in NO_WORDS]
    chosen = [corpus.phone_call(), *(one for one in corpus.speech() if one.id in clips), *made]
    options = {PHONE_CALL: {"diarize": "true"}}
    heard = {one.id: one for one in product.hear_all(chosen, options)}
    return Accuracy({one.id: one for one in chosen}, heard)


def test_the_words_of_a_phone_call_are_right(accuracy: Accuracy, record_property):
    wrong = accuracy.wer(PHONE_CALL)
    record_property("measured", f"WER {wrong:.1%}")
    assert wrong <= PHONE_CALL_WER["accurate"]
    assert accuracy.runs[PHONE_CALL].languages == ("en",)


def test_the_fast_tier_knows_the_words_of_a_phone_call(product: ProductClient, record_property):
    call = corpus.phone_call()
    count = words.compare(call, product.hear(call, {"model": "fast", "language": "en"}))
    record_property("measured", f"WER {count.wrong / count.said:.1%}")
    assert count.wrong / count.said <= PHONE_CALL_WER["fast"]


def test_the_two_people_of_a_phone_call_are_told_apart(accuracy: Accuracy, record_property):
    call, heard = accuracy.recordings[PHONE_CALL], accuracy.runs[PHONE_CALL]
    errors = {
        collar_s: found[PHONE_CALL].wrong / found[PHONE_CALL].of
        for collar_s, found in speakers.diarization_errors([call], {PHONE_CALL: heard}).items()
    }
    record_property(
        "measured", ", ".join(f"DER {error:.1%} (collar {collar_s} s)" for collar_s, error in errors.items())
    )
    assert speakers.count(heard) == call.speakers
    assert all(errors[collar_s] <= worst for collar_s, worst in PHONE_CALL_DER.items())


@pytest.mark.parametrize("language", CLIPS)
def test_clips_of_a_language_have_their_words(accuracy: Accuracy, record_property, language: str):
    names = CLIPS[language]
    if not set(names) <= set(accuracy.runs):
        pytest.skip(f"real speech is not beside this checkout: {corpus.SPEECH} has no manifest with {', '.join(names)}")
    wrong = accuracy.wer(*names)
    record_property("measured", f"{language} WER {wrong:.1%}")
    assert wrong <= CLIPS_WER[language]
    assert all(accuracy.runs[name].languages == (language,) for name in names)


@pytest.mark.parametrize("sound", NO_WORDS)
def test_no_words_are_recognized_without_speech(accuracy: Accuracy, sound: str):
    assert accuracy.runs[sound].text == ""
