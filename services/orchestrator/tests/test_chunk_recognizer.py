# ruff: noqa: ARG002 - a fake has the signature of the real one
"""The requests for one chunk, and which of the results are kept."""

from dataclasses import replace
from types import SimpleNamespace
from uuid import uuid4

import numpy as np
import pytest
from voicepipe_orchestrator.domain import SAMPLE_RATE, ChunkPlan, Recognition, Span, Word
from voicepipe_orchestrator.transcribe.chunk_recognizer import ChunkRecognizer

SPANISH, ENGLISH = 1000, 2000  # loudness by which the fake model detects the language


def loud(level, seconds):
    rng = np.random.default_rng(level)
    return (rng.standard_normal(int(seconds * SAMPLE_RATE)) * level).astype(np.int16)


def answer(text, language="en", every_s=1.0, **changes):
    words = tuple(Word(n * every_s, n * every_s + 0.4, word, 0.9) for n, word in enumerate(text.split()))
    recognition = Recognition(text, words, language, -0.2, 0.0, 1.0, truncated=False, languages={language: 1.0})
    return replace(recognition, **changes)


class Bilingual:
    """Like Whisper: it transcribes the speech in the requested language, or in the one with the most speech."""

    def __init__(self):
        self.requests = []

    def _spoken(self, audio):
        seconds = (
            np.abs(audio[: len(audio) // SAMPLE_RATE * SAMPLE_RATE].astype(float)).reshape(-1, SAMPLE_RATE).mean(1)
        )
        return {"es": int((abs(seconds - 800) < 300).sum()), "en": int((abs(seconds - 1600) < 300).sum())}

    async def recognize(self, audio, request):
        self.requests.append(request)
        spoken = self._spoken(audio)
        total = sum(spoken.values())
        languages = {code: count / total for code, count in spoken.items()}
        language = request.language or max(languages, key=languages.get)
        text = {"es": "hola buenos dias", "en": "good day to you"}[language] if spoken[language] else "blah blah blah"
        every_s = len(audio) / SAMPLE_RATE / len(text.split())
        return answer(text, language, every_s, languages=languages, avg_logprob=-0.2 if spoken[language] else -0.9)

    async def languages(self, audio, job_id):
        spoken = self._spoken(audio)
        return {code: count / sum(spoken.values()) for code, count in spoken.items()}


class Scripted:
    """Returns the given results in order, whatever the request."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []

    async def recognize(self, audio, request):
        self.requests.append(request)
        return self.answers.pop(0)


def job(**options):
    defaults = {
        "language": "auto",
        "task": "transcribe",
        "keyterms": [],
        "model": {"name": "accurate", "tier": "accurate"},
    }
    return SimpleNamespace(id=uuid4(), language=None, options=defaults | options)


def plan(audio):
    return ChunkPlan(0, (Span(0, len(audio)),), len(audio) / SAMPLE_RATE, len(audio) // 2)


QUIET = np.zeros(SAMPLE_RATE, np.int16)


async def test_a_chunk_in_two_languages_is_transcribed_in_both():
    audio = np.concatenate([loud(SPANISH, 4), QUIET, loud(ENGLISH, 5)])
    recognition, issue = await ChunkRecognizer(Bilingual()).recognize(job(), plan(audio), audio)
    assert [(word.text, word.language) for word in recognition.words] == [
        *((word, "es") for word in ("hola", "buenos", "dias")),
        *((word, None) for word in ("good", "day", "to", "you")),
    ]
    assert (recognition.language, issue) == ("en", None)
    assert recognition.words[3].start_s == pytest.approx(4.5, abs=0.3)


async def test_a_language_that_the_owner_chose_is_never_switched():
    model = Bilingual()
    audio = np.concatenate([loud(SPANISH, 4), QUIET, loud(ENGLISH, 5)])
    spanish = job(language="es")
    spanish.language = "es"
    await ChunkRecognizer(model).recognize(spanish, plan(audio), audio)
    assert {(request.language, request.switch_above) for request in model.requests} <= {("es", None)}


async def test_a_second_language_with_less_confident_words_is_discarded():
    class Unsure(Bilingual):
        async def languages(self, audio, job_id):
            return {"en": 0.4, "es": 0.5}

        async def recognize(self, audio, request):
            return replace(await super().recognize(audio, request), languages={"en": 0.6, "es": 0.3})

    audio = np.concatenate([loud(ENGLISH, 4), QUIET, loud(ENGLISH, 5)])
    recognition, _ = await ChunkRecognizer(Unsure()).recognize(job(), plan(audio), audio)
    assert (recognition.text, recognition.language) == ("good day to you", "en")


async def test_a_loop_is_tried_again_and_discarded():
    audio = loud(ENGLISH, 20)
    loop = answer("you know " * 30, compression_ratio=9.0, truncated=True)
    model = Scripted(loop, answer("you know what I mean", every_s=4.0))
    recognition, issue = await ChunkRecognizer(model).recognize(job(), plan(audio), audio)
    assert (recognition.text, issue) == ("you know what I mean", None)
    assert [request.attempt.timestamps for request in model.requests] == [False, True]


async def test_text_without_capitals_is_recognized_again_with_the_preceding_text():
    audio = loud(ENGLISH, 3)
    model = Scripted(answer("Every purchase is a vote."))
    plain = answer("every purchase is a vote.")
    recognition = await ChunkRecognizer(model).with_capitals(job(), audio, plain, "He said so. Then he left.")
    assert (recognition.text, recognition.words[0].text) == ("Every purchase is a vote.", "Every")
    assert model.requests[0].prompt == "He said so. Then he left."


async def test_a_prompted_result_with_other_words_is_discarded():
    plain = answer("every purchase is a vote.")
    model = Scripted(answer("Every purchase was a vote."))
    assert await ChunkRecognizer(model).with_capitals(job(), loud(ENGLISH, 3), plain, "") == plain


async def test_text_in_a_language_without_a_style_prompt_is_left_alone():
    plain = answer("et ord til deg.", language="no")
    assert await ChunkRecognizer(Scripted()).with_capitals(job(), loud(ENGLISH, 3), plain, "") == plain


async def test_words_over_a_sound_without_speech_are_dropped_and_the_rule_is_kept():
    thud = loud(ENGLISH, 0.4)
    model = Scripted(answer("Thank you.", no_speech_prob=0.8, avg_logprob=-0.7))
    recognition, issue = await ChunkRecognizer(model).recognize(job(), plan(thud), thud)
    assert (recognition.text, recognition.words, recognition.dropped, issue) == ("", (), "brief", None)


async def test_a_person_may_say_thank_you():
    audio = loud(ENGLISH, 0.4)
    said = answer("Thank you.", no_speech_prob=0.1, avg_logprob=-0.7)
    recognition, _ = await ChunkRecognizer(Scripted(said)).recognize(job(), plan(audio), audio)
    assert recognition == said


async def test_speech_after_a_seam_that_the_model_omits_is_recognized_again():
    audio = np.concatenate([loud(SPANISH, 3), QUIET, loud(ENGLISH, 4)])
    seam = len(audio) - 4 * SAMPLE_RATE
    spans = Span(0, seam), Span(60 * SAMPLE_RATE, 64 * SAMPLE_RATE)
    half = answer("one two three")
    whole = answer("one two three four five six seven")
    model = Scripted(half, whole)
    recognition, issue = await ChunkRecognizer(model).recognize(job(), ChunkPlan(0, spans, 7.0, seam), audio)
    assert (recognition.text, issue) == (whole.text, None)


async def test_a_sound_between_seams_without_words_is_no_fault_of_the_words():
    audio = np.concatenate([loud(SPANISH, 3), QUIET, loud(ENGLISH, 4)])
    seam = len(audio) - 4 * SAMPLE_RATE
    spans = Span(0, seam), Span(60 * SAMPLE_RATE, 64 * SAMPLE_RATE)
    half, nothing = answer("one two three"), answer("", avg_logprob=0.0)
    model = Scripted(half, half, half, nothing)
    recognition, issue = await ChunkRecognizer(model).recognize(job(), ChunkPlan(0, spans, 7.0, seam), audio)
    assert (recognition.text, issue) == (half.text, "omitted")


async def test_speech_at_the_end_that_the_model_omits_is_recognized_again():
    audio = loud(ENGLISH, 11)
    half, whole = answer("one two three four five"), answer("one two three four five six seven")
    recognition, issue = await ChunkRecognizer(Scripted(half, whole)).recognize(job(), plan(audio), audio)
    assert (recognition.text, issue) == (whole.text, None)


async def test_of_tries_that_omit_speech_the_one_with_the_most_words_is_kept():
    audio = loud(ENGLISH, 20)
    tries = [answer("one two three four"), answer("one two three four five"), answer("one two", avg_logprob=-0.1)]
    model = Scripted(*tries, tries[2])  # the last two are the halves
    recognition, issue = await ChunkRecognizer(model).recognize(job(), plan(audio), audio)
    assert (recognition.text, issue) == ("one two three four five", "omitted")
