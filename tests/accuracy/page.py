"""docs/accuracy.md: how it was measured, on what, and the tables."""

from __future__ import annotations

from collections.abc import Sequence

from . import corpus, environment, report, sounds, words
from .bootstrap import DRAWS
from .corpus import PHONE_CALL, Recording
from .measures import FAR_S
from .runs import Run

HOW = """# Accuracy

Written by `make accuracy`; the core of it is tested in `make test` (`tests/accuracy/test_floors.py`).

## How it is measured

Every recording goes through the whole product over HTTP, as a client sends it: uploaded, language not named, four at a time. The tier
`fast` knows English only, so English is named for it, and only English recordings go to it. Recordings for which somebody knows who
speaks, or how many they are, are sent with `diarize=true`.

{corpus}

The peers work on the same weights in the same run: faster-whisper in int8 on the CPU with its defaults (beam 5), as its sequential
pipeline (`sequential`), the same with its speech filter (`filtered`), and its batched pipeline (`batched`, eight chunks, with the
filter), all with the times of words; and `stock`, pyannote.audio's own `SpeakerDiarization` with the networks and parameters that the product has. Stock knows no
words, so for WDER and cpWER it is given those of `filtered`, each to the turn that covers most of it. What a peer found is
kept in `.make/accuracy/peers`, under the digests of its program, weights, packages and recording: it is not found again by the next run.

Numbers in brackets are 95 % intervals: recordings are drawn with replacement, {draws:,} times from a fixed seed. Beside the rate of a peer
stands ours less it, in percentage points, on the same draws. Ours is `better` or `worse` where the whole interval is on that side of
zero, `no worse` where the difference is not above zero, and `not sure` where it is above zero and the interval reaches zero. Of fewer than
three recordings no interval is given: they are examples and no rates.

The goal is no worse than the peer in any row. It holds in a row that says `better` or `no worse`; `not sure` does not count as
holding.

## What counts as wrong

Word error rate: substituted, missing and invented words over the words of the reference (jiwer). Chinese and Japanese are written without
spaces, so their characters are counted; in a mix of English and Chinese, words of the one and characters of the other.

Before texts are compared, both go through Whisper's own normalisers (`whisper-normalizer`): the English one for English, which knows
contractions, spellings, titles, numbers and hesitations; the basic one otherwise, which takes out case, punctuation and symbols. Beyond
them: English numbers are compared digit by digit; in other languages digits are spelled out (`num2words`; not in Hindi); hesitations are left out;
Chinese is made simplified (`opencc`); the forms of the Arabic alef are one; Hindi keeps its vowel signs, which the basic normaliser
would remove; accents are taken out where the reference has none (the Spanish prompts of Asterisk). Japanese kana and the characters
for the same word are not the same here.

Word times: no reference has the times of single words. Sentences have theirs, so the start of a sentence's first word and the end of its
last one are compared, where those words are right. A word lies where nobody speaks if its middle is more than {collar:g} s outside every
stretch of the RTTM.

A recording has the right language if all its segments have it. One in which a language changes has none that is right alone: below the row, the
languages that were found.

DER is that of NIST's RT-09, overlaps scored, with no collar and with 0.25 s on either side of every border (pyannote.metrics); WDER is that of
Shafey et al. 2019; cpWER is meeteval's.

## On what
"""

WITH_SPEECH = """The recordings are {count} with real speech, {minutes:.0f} minutes in {languages} languages and mixes (telephone, meetings, read and
spontaneous speech), which are not part of this repository; the phone call of 30 s that comes with pyannote.audio; and {sounds} sounds of
{seconds:.0f} s in which nobody speaks (silence, noise, tones, something like music), which are made by the command. A text
that its source calls unsure is no reference."""

ALONE = """Real speech beside this checkout (`../shared/speech`) was not there, so the only recording of people is the phone call of 30 s that comes
with pyannote.audio; beside it are {sounds} sounds of {seconds:.0f} s in which nobody speaks (silence, noise, tones, something like
music), which are made by the command."""


def whole(run: Run, recordings: Sequence[Recording]) -> str:
    about = report.markdown(["", ""], environment.summary(run.about)) if run.about else ""
    head = HOW.format(corpus=_corpus(recordings), draws=DRAWS, collar=words.COLLAR_S, far=FAR_S)
    return "\n".join([head, about, "", report.tables(run, recordings)])


def _corpus(recordings: Sequence[Recording]) -> str:
    made = [one for one in recordings if "sounds" in one.groups]
    speech = [one for one in recordings if "sounds" not in one.groups and one.id != PHONE_CALL]
    spoken = {one.language for one in speech if one.language != corpus.NO_SPEECH}
    return (WITH_SPEECH if speech else ALONE).format(
        count=len(speech),
        minutes=sum(one.duration_s for one in speech) / 60,
        languages=len({language for one in spoken for language in one.split("+")}),
        sounds=len(made),
        seconds=sounds.SECONDS,
    )
