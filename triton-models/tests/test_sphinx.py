import importlib
import math

import numpy as np
import pytest
from speech_contract.errors import Cancelled, ModelFailed, UnsupportedLanguage, UnsupportedTask
from speech_contract.params import Params
from speech_contract.serving import Chunk

decoder = importlib.import_module("sphinx.1.decoder")
hypothesis_ = importlib.import_module("sphinx.1.hypothesis")
recognizer = importlib.import_module("sphinx.1.recognizer")

Heard = hypothesis_.Heard
SAID = [
    Heard("<s>", 0, 9, 1.0),
    Heard("the(2)", 10, 19, 0.5),
    Heard("[NOISE]", 20, 24, 0.9),
    Heard("++UM++", 25, 29, 0.9),
    Heard("can't", 30, 49, 0.25),
    Heard("<sil>", 50, 90, 1.0),
    Heard("</s>", 91, 110, 1.0001),
]


class Decoder:
    def __init__(self):
        self.decoded = []

    def decode(self, pcm):
        self.decoded.append(len(pcm))
        if len(pcm) == 13:
            raise RuntimeError("broke")
        return SAID if len(pcm) > 1_000 else []


def heard(*chunks):
    decoder = Decoder()
    return recognizer.SphinxRecognizer(decoder, {"model": "m"}).recognize(list(chunks)), decoder.decoded


def chunk(samples=16_000, is_cancelled=lambda: False, **params):
    return Chunk(np.zeros(samples, np.int16), Params(**params), is_cancelled)


def test_fillers_are_no_words_and_pronunciations_are_not_spelled():
    words = hypothesis_.spoken(SAID, 2.0)
    assert [(word.start_s, word.end_s, word.text, word.probability) for word in words] == [
        (0.1, 0.2, "the", 0.5),
        (0.3, 0.5, "can't", 0.25),
    ]


def test_times_and_probabilities_stay_within_their_bounds():
    (word,) = hypothesis_.spoken([Heard("late", 90, 200, 1.0001)], 1.0)
    assert (word.start_s, word.end_s, word.probability) == (0.9, 1.0, 1.0)


def test_a_transcription_has_every_key_of_the_contract():
    (result,), _ = heard(chunk(language="en"))
    assert result["text"] == "the can't"
    assert result["avg_logprob"] == pytest.approx(math.log(0.375), abs=1e-6)
    assert set(result) == {
        "text", "words", "avg_logprob", "no_speech_prob", "compression_ratio", "truncated", "language",
        "language_probability", "timings",
    }  # fmt: skip
    assert result["timings"]["batch_size"] == 1


def test_silence_has_no_words_and_says_so():
    (result,), _ = heard(chunk(100))
    assert (result["text"], result["words"], result["no_speech_prob"]) == ("", [], 1.0)


def test_segments_and_words_are_given_as_wished():
    (with_segments, without_words), _ = heard(chunk(timestamps=True), chunk(word_timestamps=False))
    assert with_segments["segments"] == [[0.1, 0.5, "the can't"]]
    assert (without_words["words"], without_words["text"]) == ([], "the can't")


def test_other_languages_and_translation_are_refused():
    results, decoded = heard(chunk(language="de"), chunk(task="translate"), chunk())
    assert [type(result) for result in results] == [UnsupportedLanguage, UnsupportedTask, dict]
    assert len(decoded) == 1


def test_a_chunk_that_breaks_fails_alone_and_a_cancelled_one_is_not_decoded():
    results, decoded = heard(chunk(13), chunk(20_000, lambda: True), chunk(30_000))
    assert [type(result) for result in results] == [ModelFailed, Cancelled, dict]
    assert decoded == [13, 30_000]


def test_every_language_is_heard_as_english():
    (result,), decoded = heard(chunk(op="detect"))
    assert (result["language"], result["probabilities"], decoded) == ("en", {"en": 1.0}, [])


def test_describing_decodes_for_real():
    (result,), decoded = heard(chunk(0, op="describe"))
    assert result == {"model": "m", "languages": ["en"], "tasks": ["transcribe"]}
    assert decoded == [16_000]


@pytest.mark.parametrize(
    ("pcm", "audible"),
    [
        (np.zeros(16_000, np.int16), False),
        (np.full(16_000, -32_768, np.int16), False),
        (np.zeros(0, np.int16), False),
        (np.tile(np.array([-32_768, 32_767], np.int16), 8_000), True),
        (np.tile(np.array([-4, 4], np.int16), 8_000), True),
        (np.tile(np.array([-32_768, 32_767], np.int16), 799), False),
    ],
    ids=["silence", "offset", "nothing", "loudest", "faintest", "too short"],
)
def test_only_what_can_be_heard_is_decoded(pcm, audible):
    assert decoder.audible(pcm) is audible
