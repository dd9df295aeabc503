"""The types that the stages pass to each other. Frozen, no I/O; times in seconds, positions in samples at 16 kHz."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from voicepipe_wire.transcript.pcm_format import SAMPLE_BYTES, SAMPLE_RATE

__all__ = [
    "LONGEST_PAUSE_S",
    "SAMPLE_BYTES",
    "SAMPLE_RATE",
    "WINDOW",
    "Attempt",
    "ChunkPlan",
    "Recognition",
    "Segment",
    "Span",
    "SpeechPool",
    "Voice",
    "Word",
    "halves",
    "holes",
    "voice_of",
    "voice_stride",
]


@dataclass(frozen=True, slots=True)
class Span:
    """Samples [start, end) of the recording."""

    start: int
    end: int

    @property
    def samples(self) -> int:
        return self.end - self.start


WINDOW = 512
"""Samples per probability of speech, 32 ms."""


def voice_stride(samples: int) -> int:
    """The samples from the start of one voice of `samples` to that of the next in the PCM: whole windows of the speech detector."""
    return -(-samples // WINDOW) * WINDOW


@dataclass(frozen=True, slots=True)
class ChunkPlan:
    """At most 28 s of audio for one request to the model: spans of the recording, in order.

    `speech_s` is how much of it the detector classified as speech. `split` is the sample *within the chunk*, near its
    middle, where speech is least likely: there a fallback cuts the chunk in two.
    """

    index: int
    spans: tuple[Span, ...]
    speech_s: float
    split: int

    @property
    def samples(self) -> int:
        return sum(span.samples for span in self.spans)


@dataclass(frozen=True, slots=True)
class Voice:
    """The channel `number`, from 0, of a recording whose channels are transcribed apart; the mix of all is voice 0.

    `start` is its place in the PCM, which has the voices one after the other.
    """

    number: int
    start: int

    @property
    def start_s(self) -> float:
        return self.start / SAMPLE_RATE

    @property
    def name(self) -> str:
        return f"Channel {self.number + 1}"


def voice_of(plan: ChunkPlan, samples: int) -> Voice:
    """The voice that a chunk belongs to, in a recording of `samples` for each."""
    number = plan.spans[0].start // voice_stride(samples) if samples else 0
    return Voice(number, number * voice_stride(samples))


@dataclass(frozen=True, slots=True)
class SpeechPool:
    """A pool of speech models. `languages` are codes; `is_ready`: a worker has seen the model within 30 s."""

    name: str
    languages: tuple[str, ...]
    is_ready: bool

    @property
    def is_multilingual(self) -> bool:
        return len(self.languages) > 1


@dataclass(frozen=True, slots=True)
class Word:
    """A recognized word: text with punctuation, no leading space; probability in [0, 1].

    `language` is None if it is the language of the chunk.
    """

    start_s: float
    end_s: float
    text: str
    probability: float
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Recognition:
    """The model's result for one chunk. Word times count from the start of the chunk.

    `language_probability` is None if the request named the language. `languages` maps the codes of the likeliest
    languages to their probabilities; it is empty if the model did not detect the language. `dropped` is the rule by
    which the words were dropped as invented (`transcribe.invention`); then there are none.
    """

    text: str
    words: tuple[Word, ...]
    language: str
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    truncated: bool
    language_probability: float | None = None
    languages: Mapping[str, float] = field(default_factory=dict)
    dropped: str | None = None


# Silence of a second or more is not in a chunk. No pause for breath and no error of the word times is as long as this.
LONGEST_PAUSE_S = 5.0


def holes(words: Sequence[Word], length_s: float) -> tuple[tuple[float, float], ...]:
    """Where a chunk of that length has no word for more than `LONGEST_PAUSE_S`, its start and its end included."""
    edges = [(0.0, 0.0), *((word.start_s, word.end_s) for word in words), (length_s, length_s)]
    pairs = ((end_s, start_s) for (_, end_s), (start_s, _) in pairwise(edges))
    return tuple((start_s, end_s) for start_s, end_s in pairs if end_s - start_s > LONGEST_PAUSE_S)


@dataclass(frozen=True, slots=True)
class Segment:
    """Words of the recording that belong together: a sentence, or the words between two long pauses.

    `speaker` is a name that the diarization uses, None if unknown. `overlaps` has one entry per word: whether another
    speaker talked at the same time.
    """

    start_s: float
    end_s: float
    text: str
    words: tuple[Word, ...]
    confidence: float
    language: str
    speaker: str | None = None
    overlaps: tuple[bool, ...] = ()


def halves(chunk: ChunkPlan) -> tuple[ChunkPlan, ChunkPlan]:
    """The chunk cut in two at its `split`. Both halves keep the index of the chunk.

    Where in the chunk the speech is, is not known here, so `speech_s` is divided by length.
    """
    left: list[Span] = []
    right: list[Span] = []
    at = 0
    for span in chunk.spans:
        cut = min(max(chunk.split - at, 0), span.samples) + span.start
        left += [Span(span.start, cut)] if cut > span.start else []
        right += [Span(cut, span.end)] if cut < span.end else []
        at += span.samples
    return _half(chunk, left), _half(chunk, right)


def _half(chunk: ChunkPlan, spans: list[Span]) -> ChunkPlan:
    samples = sum(span.samples for span in spans)
    return ChunkPlan(chunk.index, tuple(spans), chunk.speech_s * samples / chunk.samples, samples // 2)


@dataclass(frozen=True, slots=True)
class Attempt:
    """Decoding options of one try.

    `split`: recognize the halves of the chunk (`halves`) separately and join the results.

    `suppress_blank` stays off: it forces the model to produce a word even where there is none.
    """

    beam: int
    temperature: float
    timestamps: bool
    split: bool
    suppress_blank: bool = False
