"""What the users send: short and long recordings whose words are known."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache

import soundfile
from fixtures.meeting import RATE, compose
from support.front_door import with_another_hash


@dataclass(frozen=True, slots=True)
class Sample:
    """A recording. `content` returns it with a hash of its own each time, so that it is transcribed again.
    `weight`: how often it is sent.
    """

    name: str
    seconds: float
    voices: tuple[str, ...]
    seed: int
    weight: float

    @property
    def is_short(self) -> bool:
        return self.seconds <= 20

    def content(self) -> bytes:
        return with_another_hash(_wav(self))


CLIP = Sample("clip", 6, ("linda",), 11, weight=6)
TALK = Sample("talk", 40, ("linda", "robert"), 12, weight=3)
LONG = Sample("long", 100, ("linda", "robert", "steph"), 5, weight=1)
SAMPLES = (CLIP, TALK, LONG)


@cache
def _wav(sample: Sample) -> bytes:
    file = io.BytesIO()
    recording = compose(sample.seconds, list(sample.voices), seed=sample.seed)
    soundfile.write(file, recording.samples, RATE, format="WAV", subtype="PCM_16")
    return file.getvalue()
