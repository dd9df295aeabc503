"""What the steps hand to each other. Frozen, without I/O; times in seconds, positions in samples at 16 kHz."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from voicepipe_wire.transcript.pcm_format import SAMPLE_BYTES, SAMPLE_RATE

__all__ = [
    "SAMPLE_BYTES",
    "SAMPLE_RATE",
    "Attempt",
    "ChunkPlan",
    "Recognition",
    "Segment",
    "Span",
    "Word",
    "halves",
]


@dataclass(frozen=True, slots=True)
class Span:
    """Samples [start, end) of the recording."""

    start: int
    end: int

    @property
    def samples(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class ChunkPlan:
    """At most 28 s of audio that the model hears at once: spans of the recording, one after another.

    `speech_s` is how much of it the detector called speech. `split` is the sample *within the chunk* where speech is
    least likely near its middle: where the last rung of the list of fallbacks cuts it in two.
    """

    index: int
    spans: tuple[Span, ...]
    speech_s: float
    split: int

    @property
    def samples(self) -> int:
        return sum(span.samples for span in self.spans)


@dataclass(frozen=True, slots=True)
class Word:
    """A word as the model heard it: text with its punctuation, no leading space; probability in [0, 1].

    `language` is None where it is that of the chunk.
    """

    start_s: float
    end_s: float
    text: str
    probability: float
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Recognition:
    """What the model says about one chunk. Word times count from the start of the chunk.

    `language_probability` is None where the language was given; `languages` are the likeliest ones, code to probability, empty
    where the model was not asked.
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


@dataclass(frozen=True, slots=True)
class Segment:
    """Words of the recording that belong together: a sentence, or what stands between two long pauses.

    `speaker` is a label of the diarization, None where nobody is known. `overlaps` has one entry for each word: whether
    somebody else talked at the same time.
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
    """The chunk cut at its `split`: the last rung of the list of fallbacks. The second half begins at `split` of the chunk.

    Both keep the index of the chunk. Where the speech is in it is not known here, so it is shared by length.
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
    """How the model is asked. `split`: each half of the chunk by itself, cut at `ChunkPlan.split`, then `joined`.

    `suppress_blank` stays off: with it, a model must say a word even where there is none.
    """

    beam: int
    temperature: float
    timestamps: bool
    split: bool
    suppress_blank: bool = False
