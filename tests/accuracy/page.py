"""Renders docs/accuracy.md: the method, the environment of the run, and the tables."""

from __future__ import annotations

from collections.abc import Sequence

from . import corpus, environment, report, sounds, words
from .bootstrap import DRAWS
from .corpus import PHONE_CALL, Recording
from .runs import Run

HOW = """# Accuracy

This page is written by `make accuracy`. `make test` checks its main figures (`tests/accuracy/test_floors.py`).

## How it is measured

Every recording goes through the whole product over HTTP, as a client sends it: uploaded, without a language, four at a time. The tier
`fast` knows only English, so it receives only English recordings, with the language given. Recordings whose speakers, or number of
speakers, are known are sent with `diarize=true`.

{corpus}

The peers use the same weights in the same run. faster-whisper runs in int8 on the CPU with its defaults (beam 5) and with word
timestamps, in three ways: its sequential pipeline (`sequential`), the same with its VAD filter (`filtered`), and its batched pipeline
(`batched`: batches of eight chunks, with the filter). `stock` is pyannote.audio's own `SpeakerDiarization` with the networks and
parameters of the product. It produces no words, so for WDER and cpWER it is given the words of `filtered`, each assigned to the turn
that covers most of it. The results of peers are cached in `.make/accuracy/peers`, under the digests of program, weights, packages and
recording; the next run reuses them.

Numbers in brackets are 95 % intervals: recordings are drawn with replacement, {draws:,} times from a fixed seed. The cell of a peer
gives its rate, then our rate minus that rate, in percentage points, on the same draws. Ours is `better` or `worse` if the whole
interval is on that side of zero, `no worse` if the difference is not above zero, and `inconclusive` if it is above zero and the
interval includes zero. Fewer than three recordings have no interval: they are examples, not rates.

The goal is to be no worse than the peer in any row. A row meets it with `better` or `no worse`; `inconclusive` does not count.

## What counts as an error

Word error rate: substituted, missing and inserted words over the words of the reference (jiwer). Chinese and Japanese are written
without spaces, so characters are counted; in a mix of English and Chinese, English words and Chinese characters.

Before texts are compared, both are normalized with Whisper's own normalisers (`whisper-normalizer`): the English one for English, which
handles contractions, spellings, titles, numbers and hesitations; the basic one otherwise, which removes case, punctuation and symbols.
In addition, English numbers are compared digit by digit; in other languages digits are spelled out (`num2words`; not in Hindi);
hesitations are removed; Chinese is converted to simplified characters (`opencc`); the forms of the Arabic alef are unified; Hindi keeps
its vowel signs, which the basic normaliser would remove; accents are removed if the reference has none (the Spanish prompts of
Asterisk). Japanese kana and kanji for the same word are not unified.

Word times: no reference has the times of single words. Sentences have times, so the start of each sentence's first word and the end of
its last one are compared if those words are right. A word is outside speech if its middle is more than {collar:g} s outside every stretch
of the RTTM.

A recording has the right language if all its segments have it. A recording with several languages has no single right language: it is
not in the row, and the detected languages are listed below it.

DER is that of NIST's RT-09, with overlaps scored, without a collar and with 0.25 s on either side of every boundary
(pyannote.metrics). WDER is that of Shafey et al. 2019. cpWER is computed by meeteval.

## Data and environment
"""

WITH_SPEECH = """The {count} recordings of real speech, {minutes:.0f} minutes in {languages} languages and mixes (telephone, meetings, read and
spontaneous speech), are not part of this repository. The others are the phone call of 30 s that ships with pyannote.audio, and {sounds}
synthetic sounds of {seconds:.0f} s without speech (silence, noise, tones, a kind of music), which the command generates. A text that
its source marks as uncertain is not used as a reference."""

WITHOUT_SPEECH = """The folder with real speech (`../shared/speech`) was not available, so the only recording with speech is the phone call of 30 s
that ships with pyannote.audio. The others are {sounds} synthetic sounds of {seconds:.0f} s without speech (silence, noise, tones, a kind of
music), which the command generates."""


def render(run: Run, recordings: Sequence[Recording]) -> str:
    summary = report.markdown(["", ""], environment.summary(run.environment)) if run.environment else ""
    head = HOW.format(corpus=_corpus(recordings), draws=DRAWS, collar=words.COLLAR_S)
    return "\n".join([head, summary, "", report.tables(run, recordings)])


def _corpus(recordings: Sequence[Recording]) -> str:
    synthetic = [one for one in recordings if "sounds" in one.groups]
    speech = [one for one in recordings if "sounds" not in one.groups and one.id != PHONE_CALL]
    spoken_languages = {one.language for one in speech if one.language != corpus.NO_SPEECH}
    return (WITH_SPEECH if speech else WITHOUT_SPEECH).format(
        count=len(speech),
        minutes=sum(one.duration_s for one in speech) / 60,
        languages=len({language for one in spoken_languages for language in one.split("+")}),
        sounds=len(synthetic),
        seconds=sounds.SECONDS,
    )
