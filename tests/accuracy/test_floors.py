"""The accuracy that the whole pipeline must reach with real models.

Each floor is well below the measured figure in the comment next to it, so only a defect fails a test; processors differ
in rounding. The figures are from `make accuracy` (docs/accuracy.md). Every run of these tests prints its own.
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
# The highest word error rates that are accepted.
PHONE_CALL_WER = {"accurate": 0.20, "fast": 0.25}  # 13 % and 16 % measured
CLIPS_WER = {"en": 0.06, "de": 0.25, "fr": 0.25, "es": 0.12}  # 0.0, 16.0, 15.6 and 3.7 % measured
PHONE_CALL_DER = {0.0: 0.12, 0.25: 0.05}  # 6.1 % and 1.5 % measured


pytestmark = pytest.mark.timeout(400)  # the first test starts the stack


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The transcript of each recording."""

    recordings: dict[str, Recording]
    transcripts: dict[str, Hypothesis]

    def wer(self, *names: str) -> float:
        counts = [words.compare(self.recordings[name], self.transcripts[name]) for name in names]
        return sum(count.wrong for count in counts) / sum(count.units for count in counts)


@pytest.fixture(scope="module")
def product(real_stack) -> Iterator[ProductClient]:
    client = ProductClient(real_stack.url, real_stack.headers)
    yield client
    client.close()


@pytest.fixture(scope="module")
def accuracy(product: ProductClient, tmp_path_factory) -> Accuracy:
    """All recordings, transcribed at once as `python -m tests.accuracy` does."""
    clips = [name for names in CLIPS.values() for name in names]
    silent = [one for one in sounds.recordings(tmp_path_factory.mktemp("sounds")) if one.id in NO_WORDS]
    recordings = [corpus.phone_call(), *(one for one in corpus.speech() if one.id in clips), *silent]
    options = {PHONE_CALL: {"diarize": "true"}}
    transcripts = {one.id: one for one in product.transcribe_all(recordings, options)}
    return Accuracy({one.id: one for one in recordings}, transcripts)


def test_the_words_of_a_phone_call_are_right(accuracy: Accuracy, record_property):
    wrong = accuracy.wer(PHONE_CALL)
    record_property("measured", f"WER {wrong:.1%}")
    assert wrong <= PHONE_CALL_WER["accurate"]
    assert accuracy.transcripts[PHONE_CALL].languages == ("en",)


def test_the_words_of_a_phone_call_are_right_in_the_fast_tier(product: ProductClient, record_property):
    call = corpus.phone_call()
    count = words.compare(call, product.transcribe(call, {"model": "fast", "language": "en"}))
    record_property("measured", f"WER {count.wrong / count.units:.1%}")
    assert count.wrong / count.units <= PHONE_CALL_WER["fast"]


def test_the_two_speakers_of_a_phone_call_are_distinguished(accuracy: Accuracy, record_property):
    call, transcript = accuracy.recordings[PHONE_CALL], accuracy.transcripts[PHONE_CALL]
    errors = {
        collar_s: shares[PHONE_CALL].wrong / shares[PHONE_CALL].of
        for collar_s, shares in speakers.diarization_errors([call], {PHONE_CALL: transcript}).items()
    }
    record_property(
        "measured", ", ".join(f"DER {error:.1%} (collar {collar_s} s)" for collar_s, error in errors.items())
    )
    assert speakers.count(transcript) == call.speakers
    assert all(errors[collar_s] <= worst for collar_s, worst in PHONE_CALL_DER.items())


@pytest.mark.parametrize("language", CLIPS)
def test_the_words_of_clips_are_right_in_each_language(accuracy: Accuracy, record_property, language: str):
    names = CLIPS[language]
    if not set(names) <= set(accuracy.transcripts):
        pytest.skip(f"{corpus.SPEECH} has no manifest with {', '.join(names)}")
    wrong = accuracy.wer(*names)
    record_property("measured", f"{language} WER {wrong:.1%}")
    assert wrong <= CLIPS_WER[language]
    assert all(accuracy.transcripts[name].languages == (language,) for name in names)


@pytest.mark.parametrize("sound", NO_WORDS)
def test_no_words_are_recognized_without_speech(accuracy: Accuracy, sound: str):
    assert accuracy.transcripts[sound].text == ""
