"""What the steps hand to each other. Frozen, without I/O; times in seconds, positions in samples at 16 kHz."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SAMPLE_RATE = 16_000
SAMPLE_BYTES = 2


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
