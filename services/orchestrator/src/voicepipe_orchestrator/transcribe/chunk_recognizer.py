"""Recognizes one chunk: retried with fallbacks if the result is doubtful, split by language if several are spoken."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise

from voicepipe_wire.jobs.jobs import StoredJob

from voicepipe_orchestrator.domain import SAMPLE_RATE, Attempt, ChunkPlan, Recognition, Word, halves, holes
from voicepipe_orchestrator.ports import Pcm, RecognitionRequest, Recognizer

from .code_switching import Stretch, cut_points, more_confident, spoken_languages, stretches
from .fallback import (
    OMITTED,
    REPETITIVE,
    best_try,
    fallbacks,
    is_silence,
    is_worth_trying,
    join_parts,
    lacks_capitals,
    quality_issue,
    same_words,
)
from .invention import invention
from .language import SWITCH_ABOVE, style_prompt
from .seams import omits_a_span, to_their_sides
from .word_timing import pauses, snap_to_pauses


class ChunkRecognizer:
    """Calls a `Recognizer` with the options of a job. Raises what the recognizer raises."""

    def __init__(self, recognizer: Recognizer) -> None:
        self._recognizer = recognizer

    async def recognize(self, job: StoredJob, plan: ChunkPlan, audio: Pcm) -> tuple[Recognition, str | None]:
        """The recognition of the chunk, and its remaining quality issue, a code of `fallback`, or None.

        Words that were invented are dropped.
        """
        recognition, issue = await self._with_fallbacks(job, plan, audio)
        candidates = spoken_languages(recognition)
        options = job.options
        if len(candidates) > 1 and options["language"] == "auto" and options["task"] == "transcribe":
            recognition = await self._by_language(job, audio, recognition, candidates)
        rule = invention(recognition, plan.speech_s, loops=issue == REPETITIVE)
        if rule or is_silence(recognition):
            return replace(recognition, words=(), text="", dropped=rule), issue
        return recognition, issue

    async def with_capitals(self, job: StoredJob, audio: Pcm, recognition: Recognition, before: str) -> Recognition:
        """The same words with capitals and punctuation, from a second request with a prompt.

        The prompt is `before`, the text before the chunk, or, if that has no capitals, a text in the language that
        shows the style. A prompt can also change the words; then the result is not used.
        """
        style = before if before and not lacks_capitals(before) else style_prompt(recognition.language)
        if style is None or not lacks_capitals(recognition.text):
            return recognition
        request = self._request(job, fallbacks(job.options["model"]["tier"])[0], recognition.language)
        request = replace(request, switch_above=None, prompt=" ".join(filter(None, (request.prompt, style))))
        prompted = await self._recognizer.recognize(audio, request)
        if not same_words(prompted.text, recognition.text) or len(prompted.words) != len(recognition.words):
            return recognition
        words = tuple(
            replace(word, text=other.text) for word, other in zip(recognition.words, prompted.words, strict=True)
        )
        return replace(recognition, text=prompted.text, words=words)

    async def _with_fallbacks(self, job: StoredJob, plan: ChunkPlan, audio: Pcm) -> tuple[Recognition, str | None]:
        """The first try without a quality issue, otherwise the best one with its issue."""
        tries: list[tuple[Recognition, str | None]] = []
        for attempt in fallbacks(job.options["model"]["tier"]):
            if tries and not is_worth_trying(attempt, str(tries[-1][1]), plan.samples / SAMPLE_RATE):
                continue
            recognition = await self._try(job, plan, audio, attempt)
            tries.append((recognition, await _issue(recognition, plan, audio)))
            if tries[-1][1] is None:
                break
        return best_try(tries)

    async def _try(self, job: StoredJob, plan: ChunkPlan, audio: Pcm, attempt: Attempt) -> Recognition:
        request = self._request(job, replace(attempt, split=False), job.language)
        if not attempt.split:
            return await self._recognizer.recognize(audio, request)
        first, _ = halves(plan)
        parts = (audio[: first.samples], audio[first.samples :])
        results = await asyncio.gather(*(self._recognizer.recognize(part, request) for part in parts if len(part)))
        if len(results) == 1:
            return results[0]
        return join_parts([(results[0], 0.0), (results[1], first.samples / SAMPLE_RATE)], request.task)

    async def _by_language(
        self, job: StoredJob, audio: Pcm, whole: Recognition, candidates: tuple[str, ...]
    ) -> Recognition:
        """Each stretch of the chunk in its own language; `whole` if all of it turns out to be in one."""
        edges = (0, *cut_points(pauses(audio), len(audio)), len(audio))
        pieces = [audio[start:end] for start, end in pairwise(edges)]
        probabilities = await asyncio.gather(*(self._recognizer.languages(piece, job.id) for piece in pieces))
        by_language = stretches(edges, probabilities, candidates)
        if {stretch.language for stretch in by_language} == {whole.language}:
            return whole
        results = await asyncio.gather(*(self._stretch(job, audio, stretch, whole.language) for stretch in by_language))
        if {result.language for result in results} == {whole.language}:
            return whole
        parts = [(result, stretch.start / SAMPLE_RATE) for result, stretch in zip(results, by_language, strict=True)]
        return join_parts(parts, job.options["task"])

    async def _stretch(self, job: StoredJob, audio: Pcm, stretch: Stretch, usual: str) -> Recognition:
        """The stretch in its own language.

        If that is not the usual one, in both, and the more confident result is kept.
        """
        attempt = fallbacks(job.options["model"]["tier"])[0]
        part = audio[stretch.start : stretch.end]

        async def recognize_in(language: str) -> Recognition:
            request = replace(self._request(job, attempt, language), switch_above=None)
            return await self._recognizer.recognize(part, request)

        if stretch.language == usual:
            return await recognize_in(usual)
        return more_confident(*await asyncio.gather(recognize_in(usual), recognize_in(stretch.language)))

    def _request(self, job: StoredJob, attempt: Attempt, language: str | None) -> RecognitionRequest:
        options = job.options
        prompt = ", ".join(options["keyterms"]) or None
        switch_above = SWITCH_ABOVE if options["language"] == "auto" and language else None
        return RecognitionRequest(job.id, attempt, language, options["task"], prompt, switch_above)


def timed_words(recognition: Recognition, plan: ChunkPlan, audio: Pcm) -> tuple[Word, ...]:
    """The words of a chunk with corrected times. Takes milliseconds: not for an event loop."""
    return to_their_sides(snap_to_pauses(recognition.words, audio), audio, plan.spans)


async def _issue(recognition: Recognition, plan: ChunkPlan, audio: Pcm) -> str | None:
    issue = quality_issue(recognition, plan.speech_s)
    if issue or is_silence(recognition):
        return issue
    if len(plan.spans) == 1:
        is_omitting = bool(holes(recognition.words, plan.samples / SAMPLE_RATE))
    else:
        words = await asyncio.to_thread(timed_words, recognition, plan, audio)
        is_omitting = omits_a_span(words, plan.spans) or bool(holes(words, plan.samples / SAMPLE_RATE))
    return OMITTED if is_omitting else None
