# ruff: noqa: ARG002, ARG005 - a fake takes what the real one takes

import importlib

import numpy as np
import pytest
from byte_tokens import ByteTokens, known, time_token
from speech_contract.errors import Cancelled, ModelFailed, UnsupportedLanguage, UnsupportedTask
from speech_contract.params import Params
from speech_contract.serving import Chunk

recognizer = importlib.import_module("whisper.1.recognizer")
engine = importlib.import_module("whisper.1.engine")

POISON = 6_666


class SpellingEngine:
    """A fake engine that transcribes every chunk as its length in samples, raises for one length, and records calls."""

    n_mels = 80
    device = "cpu"

    def __init__(self, *, multilingual=True, poisons=()):
        self.is_multilingual = multilingual
        self.poisons = poisons
        self.calls = []

    def _note(self, call, rows, detail=None):
        self.calls.append((call, len(rows), detail))
        if call in self.poisons and any(self._text(row) == str(POISON) for row in rows):
            raise RuntimeError("the engine broke")

    @staticmethod
    def _text(row):
        return str(int(row[0]))

    def encode(self, mels):
        # the tests fill the spectrogram with the number of samples
        rows = [np.array([mel[0, 0]]) for mel in mels]
        self._note("encode", rows)
        return rows

    def detect(self, encoded):
        self._note("detect", encoded)
        return [{"zh": 0.6, "en": 0.3, "de": 0.1} for _ in encoded]

    def generate(self, encoded, prompts, decoding):
        assert len({len(prompt) for prompt in prompts}) == 1
        self._note("generate", encoded, decoding)
        return [engine.Generated(list(f" {self._text(row)} x".encode()), -0.1, 0.2, truncated=False) for row in encoded]

    def steps(self, encoded, prompt, prefix, decoding):
        self._note("steps", [encoded])
        text = [*f" {self._text(encoded)}".encode(), known().end]
        return [np.where(np.arange(len(ByteTokens.names)) == token, 50.0, 0.0) for token in text], 0.2

    def align(self, encoded, sot, texts, frames):
        self._note("align", encoded, tuple(sot))
        return [engine.Aligned([(i, i) for i in range(len(text) + 1)], [0.5] * len(text)) for text in texts]


def recognize(chunks, spelling=None, **kind):
    spelling = spelling or SpellingEngine(**kind)
    whisper = recognizer.WhisperRecognizer(
        spelling, known(multilingual=spelling.is_multilingual), {"model": "spelling"}
    )
    whisper._mel = lambda pcm: np.full((80, 1), len(pcm), np.float32)
    results = whisper.recognize(chunks)
    assert len(results) == len(chunks)
    return results, spelling.calls


def chunk(samples, is_cancelled=lambda: False, **params):
    return Chunk(np.zeros(samples, np.int16), Params(**({"language": "en"} | params)), is_cancelled)


def test_every_chunk_gets_its_own_result():
    results, calls = recognize([chunk(samples) for samples in (3, 20, 100)])
    assert [result["text"] for result in results] == ["3 x", "20 x", "100 x"]
    assert [word[2] for word in results[1]["words"]] == ["20", "x"]
    assert [(call, rows) for call, rows, _ in calls] == [("encode", 3), ("generate", 3), ("align", 3)]


def test_languages_share_generation_but_not_alignment():
    _, calls = recognize([chunk(1), chunk(2, language="de"), chunk(3), chunk(4, language="de", task="translate")])
    assert [rows for call, rows, _ in calls if call == "generate"] == [4]
    assert sorted(rows for call, rows, _ in calls if call == "align") == [1, 1, 2]


class GreetingEngine(SpellingEngine):
    def generate(self, encoded, prompts, decoding):
        return [engine.Generated(list("你好".encode()), -0.1, 0.2, truncated=False) for _ in encoded]


def test_a_translation_is_split_into_words_as_english():
    results, _ = recognize([chunk(20, language="zh", task="translate"), chunk(20, language="zh")], GreetingEngine())
    assert [[word[2] for word in result["words"]] for result in results] == [["你好"], ["你", "好"]]
    assert {result["language"] for result in results} == {"zh"}


def test_rows_with_different_options_are_generated_in_separate_calls():
    options = [
        {},
        {"beam": 5},
        {"timestamps": True},
        {"suppress_blank": True},
        {"max_new_tokens": 9},
        {"prompt": "abc"},
    ]
    results, calls = recognize([chunk(1, **each) for each in options for _ in range(2)])
    assert [rows for call, rows, _ in calls if call == "generate"] == [2] * len(options)
    assert {result["text"] for result in results} == {"1 x"}


def test_the_language_is_detected_if_none_is_given():
    results, calls = recognize([chunk(1), chunk(2, language=None), chunk(3, op="detect")])
    assert [(result["language"], result["language_probability"]) for result in results] == [
        ("en", None), ("zh", 0.6), ("zh", 0.6),
    ]  # fmt: skip
    assert results[2]["probabilities"] == {"zh": 0.6, "en": 0.3, "de": 0.1}
    assert [rows for call, rows, _ in calls if call == "detect"] == [2]


def test_a_chunk_that_breaks_the_engine_fails_alone_at_every_stage():
    for stage in ("encode", "detect", "generate", "steps", "align"):
        params = {"language": None} if stage == "detect" else {"temperature": 0.5} if stage == "steps" else {}
        chunks = [chunk(samples, **params) for samples in (1, 2, POISON, 4, 5)]
        results, _ = recognize(chunks, poisons=(stage,))
        assert isinstance(results[2], ModelFailed), stage
        assert str(results[2]) == "model_failed: RuntimeError: the engine broke"
        assert [result["text"].split()[0] for result in results if result is not results[2]] == ["1", "2", "4", "5"]


def test_an_unknown_language_is_refused_before_the_engine_runs():
    results, calls = recognize([chunk(1, language="xx"), chunk(2)])
    assert isinstance(results[0], UnsupportedLanguage)
    assert results[1]["text"] == "2 x"
    assert calls[0][:2] == ("encode", 1)


def test_an_english_only_model_refuses_other_languages_and_translation():
    results, calls = recognize(
        [chunk(1, language=None), chunk(2, task="translate"), chunk(3, language="de"), chunk(4, op="detect")],
        multilingual=False,
    )
    assert (results[0]["language"], results[0]["language_probability"]) == ("en", None)
    assert isinstance(results[1], UnsupportedTask)
    assert isinstance(results[2], UnsupportedLanguage)
    assert results[3]["probabilities"] == {"en": 1.0}
    assert "detect" not in [call for call, _, _ in calls]


def test_a_cancelled_chunk_is_not_processed():
    results, calls = recognize([chunk(1, lambda: True), chunk(2)])
    assert isinstance(results[0], Cancelled)
    assert results[1]["text"] == "2 x"
    assert {rows for _, rows, _ in calls} == {1}


def test_a_chunk_cancelled_during_processing_is_dropped_before_the_next_stage():
    spelling = SpellingEngine()
    leaves = chunk(1, lambda: any(call == "generate" for call, _, _ in spelling.calls))
    results, calls = recognize([leaves, chunk(2)], spelling)
    assert isinstance(results[0], Cancelled)
    assert [(call, rows) for call, rows, _ in calls] == [("encode", 2), ("generate", 2), ("align", 1)]


def test_at_a_temperature_each_chunk_is_sampled_separately_and_reproducibly():
    chunks = [chunk(samples, temperature=0.5) for samples in (7, 8)]
    results, calls = recognize(chunks)
    assert [result["text"] for result in results] == ["7", "8"]
    assert all(rows == 1 for call, rows, _ in calls if call == "steps")
    assert "generate" not in [call for call, _, _ in calls]
    alone, _ = recognize(chunks[1:])
    assert alone[0]["words"] == results[1]["words"]


def test_the_seed_depends_only_on_audio_and_parameters():
    seeds = {recognizer._seed(chunk(1)), recognizer._seed(chunk(2)), recognizer._seed(chunk(1, seed=1))}
    assert len(seeds) == 3
    assert recognizer._seed(chunk(1)) == recognizer._seed(chunk(1, lambda: True))


def test_the_result_has_segments_only_with_timestamps():
    class Timing(SpellingEngine):
        def generate(self, encoded, prompts, decoding):
            text = [time_token(0.1), *b" hey", time_token(0.5)]
            return [engine.Generated(text, -0.1, 0.2, truncated=True) for _ in encoded]

    (result,), _ = recognize([chunk(16_000, timestamps=True)], Timing())
    assert result["segments"] == [(0.1, 0.5, "hey")]
    assert (result["text"], result["truncated"]) == ("hey", True)
    assert "segments" not in recognize([chunk(16_000)])[0][0]


def test_empty_text_is_a_valid_result():
    class SilentEngine(SpellingEngine):
        def generate(self, encoded, prompts, decoding):
            return [engine.Generated([], 0.0, 0.99, truncated=False) for _ in encoded]

    (result,), calls = recognize([chunk(0)], SilentEngine())
    assert (result["text"], result["words"], result["compression_ratio"]) == ("", [], 0.0)
    assert "align" not in [call for call, _, _ in calls]


def test_describe_runs_the_encoder_and_lists_languages_and_tasks():
    (result,), calls = recognize([chunk(16_000, op="describe")])
    assert result == {"model": "spelling", "languages": ["en", "zh", "de"], "tasks": ["transcribe", "translate"]}
    assert [(call, rows) for call, rows, _ in calls] == [("encode", 1)]


def test_describe_fails_if_the_encoder_fails():
    spelling = SpellingEngine()
    spelling.encode = lambda mels: 1 / 0
    assert isinstance(recognize([chunk(1, op="describe")], spelling)[0][0], ModelFailed)


def test_generation_never_exceeds_the_text_context():
    for prompt in (4, 100, 228):
        for requested in (1, 100, 224):
            bound = min(requested, recognizer._room([0] * prompt))
            length = engine._max_length(prompt, bound)
            assert length <= 448
            # the number of tokens that CTranslate2 derives from it
            assert min(length // 2, length - (prompt - 1)) == bound


class LoopingEngine(SpellingEngine):
    """A fake engine that never ends a text: each call generates as many tokens of `text` as allowed."""

    def __init__(self, text):
        super().__init__()
        self.text = text

    def generate(self, encoded, prompts, decoding):
        self._note("generate", encoded, decoding.max_tokens)
        given = len(prompts[0]) - len(known().prompt("en", "transcribe", text=None, timestamps=False))
        tokens = (self.text * 300)[: given + decoding.max_tokens]
        total = -0.5 * decoding.max_tokens
        return [engine.Generated(tokens, total / (len(tokens) + 1), 0.1, truncated=True)]


def test_a_loop_is_stopped_at_the_first_check():
    (result,), calls = recognize([chunk(16_000 * 20)], LoopingEngine(list(b" you know")))
    assert [detail for call, _, detail in calls if call == "generate"] == [144]
    assert result["truncated"]


def test_fast_speech_continues_after_the_check_up_to_the_token_limit():
    text = [token % 90 + 32 for token in range(0, 30_000, 7)]
    words = [33 + (token * token) % 89 for token in range(300)]
    (result,), calls = recognize([chunk(16_000 * 20)], LoopingEngine(text[:90] + words))
    assert [detail for call, _, detail in calls if call == "generate"] == [144, 224 - 144]
    assert len(result["text"].encode()) <= 224
    assert result["avg_logprob"] == pytest.approx(-0.5 * 224 / 225, abs=1e-3)


def test_the_given_language_is_replaced_only_above_the_threshold():
    results, _ = recognize([chunk(3, switch_above=0.5), chunk(4, switch_above=0.7), chunk(5)])
    assert [result["language"] for result in results] == ["zh", "en", "en"]
    assert [result["language_probability"] for result in results] == [0.6, 0.3, None]


def test_a_result_has_language_probabilities_only_after_detection():
    (given, detected), _ = recognize([chunk(3), chunk(4, language=None)])
    assert "probabilities" not in given
    assert detected["probabilities"] == {"zh": 0.6, "en": 0.3, "de": 0.1}
