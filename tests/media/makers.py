"""Makes recordings of known words in files of every kind, by ffmpeg and by hand.

A `Clip` is 16 kHz mono with the time of each word. A `Workshop` turns clips into files; what it returns is what must be heard in them.
"""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt
from fixtures.meeting import Voice, speak, with_noise

RATE = 16_000
PAUSE_S = 0.15  # the model counts longer ones as parts of the next word
Samples = npt.NDArray[np.int16]
PICTURE = ("-f", "lavfi", "-i", "testsrc=size=160x90:rate=10")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
MPEG2 = ("-c:v", "mpeg2video", "-b:v", "200k")


@dataclass(frozen=True, slots=True)
class Word:
    start_s: float
    text: str
    channel: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Speech of 16 kHz mono."""

    samples: Samples
    words: tuple[Word, ...]

    @property
    def duration_s(self) -> float:
        return len(self.samples) / RATE

    def __add__(self, other: Clip) -> Clip:
        """This one, and the other right behind it."""
        return Clip(np.concatenate((self.samples, other.samples)), self.words + moved(other.words, self.duration_s))


@dataclass(frozen=True, slots=True)
class Made:
    """A file, and what must be heard in it.

    `lost` are words that may be missing. `warnings` has the code of each warning that must be there, with the seconds that it must name and
    how far they may be off, or None; there may be no others, but for those in `allowed`. `media` are facts that the status must show.
    `are_known` is False where the model of the fixtures does not know the sound, as that of a telephone: then a word is any word at its time.
    If the channels are kept apart, `speakers` is the number of those that speak. `error` is that of a file that must be refused.
    """

    path: Path
    words: tuple[Word, ...]
    duration_s: float | None
    warnings: Mapping[str, tuple[float, float] | None] = field(default_factory=dict)
    allowed: tuple[str, ...] = ()
    lost: tuple[Word, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    media: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    are_known: bool = True
    speakers: int = 0


Maker = Callable[["Workshop"], Made]


def moved(words: Sequence[Word], seconds: float) -> tuple[Word, ...]:
    return tuple(replace(word, start_s=word.start_s + seconds) for word in words)


@cache
def clip(*sentences: str, voice: str = "linda", first_s: float = 0.3, rest_s: float = 0.2) -> Clip:
    """The words of the sentences, `PAUSE_S` between sentences."""
    rng = np.random.default_rng(1)
    pauses_s = [first_s, *[PAUSE_S] * (len(sentences) - 1)]
    samples, words = speak(Voice.load(voice), [sentence.split() for sentence in sentences], pauses_s, 0, rng)
    samples = with_noise(np.concatenate((samples, np.zeros(round(rest_s * RATE), np.float32))), rng)
    return Clip(samples, tuple(Word(word.start_s, word.text) for word in words))


def first() -> Clip:
    """7 s."""
    return clip("morning question victor august they", "monday bridge from east review")


def second() -> Clip:
    """7 s of other words."""
    return clip("north hotel saturday charlie engine", "finish table seven evening water")


def both() -> Clip:
    return first() + second()


def quiet(seconds: float, *, level_db: float = -60.0) -> Clip:
    """A quiet room."""
    return Clip(with_noise(np.zeros(round(seconds * RATE), np.float32), np.random.default_rng(2), level_db), ())


def chunk(identifier: bytes, body: bytes) -> bytes:
    """A chunk of a RIFF file."""
    return identifier + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def form(channels: int = 1, rate: int = RATE, mask: int | None = None) -> bytes:
    """The `fmt ` chunk of 16-bit samples; with a mask of loudspeakers it is the extended one."""
    fixed = struct.pack("<HHIIHH", 1 if mask is None else 0xFFFE, channels, rate, rate * channels * 2, channels * 2, 16)
    if mask is None:
        return chunk(b"fmt ", fixed)
    pcm = bytes.fromhex("0100000000001000800000aa00389b71")
    return chunk(b"fmt ", fixed + struct.pack("<HHI", 22, 16, mask) + pcm)


def wav(samples: Samples, rate: int = RATE, mask: int | None = None) -> bytes:
    """A WAV file; `samples` is one row, or a row for each channel."""
    rows = np.atleast_2d(samples)
    body = form(len(rows), rate, mask) + chunk(b"data", np.ascontiguousarray(rows.T).astype("<i2").tobytes())
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


def rows(*clips: Clip | None) -> Samples:
    """A row for each clip, as long as the longest one; None is silence."""
    length = max(len(each.samples) for each in clips if each)
    made = np.zeros((len(clips), length), np.int16)
    for row, each in zip(made, clips, strict=True):
        if each:
            row[: len(each.samples)] = each.samples
    return made


class Workshop:
    """Makes the files of one kind in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    def wav(self, spoken: Clip, name: str = "spoken.wav") -> Path:
        return self.write(name, wav(spoken.samples))

    def ffmpeg(self, *arguments: object, name: str) -> Path:
        path = self.folder / name
        program = (imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", "-threads", "1")
        subprocess.run([*program, *map(str, arguments), str(path)], check=True)
        return path

    def encode(self, spoken: Clip, name: str, *options: object, before: Sequence[object] = ()) -> Path:
        """The clip in the format of the name; `before` are options of its input."""
        return self.ffmpeg(*before, "-i", self.wav(spoken, f"{name}.source.wav"), *options, name=name)

    def film(self, spoken: Clip, name: str, *options: object, picture: Sequence[str] = H264, late_s: float = 0) -> Path:
        """A video with the clip as its sound, `late_s` behind the first picture."""
        source = self.wav(spoken, f"{name}.source.wav")
        inputs = (*PICTURE, "-itsoffset", late_s, "-i", source, "-map", "0:v", "-map", "1:a")
        return self.ffmpeg(*inputs, "-t", late_s + spoken.duration_s, *picture, *options, name=name)

    def after(self, one: Path, other: Path, at_s: float, name: str, *options: object) -> Path:
        """The packets of two files of one format in one: those of the other begin at `at_s`."""
        listed = f"ffconcat version 1.0\nfile '{one.name}'\nduration {at_s}\nfile '{other.name}'\n"
        script = self.write(f"{name}.ffconcat", listed.encode())
        return self.ffmpeg("-f", "concat", "-i", script, "-c", "copy", *options, name=name)

    def joined(self, name: str, *parts: Path) -> Path:
        """The bytes of one file after those of the other, as `cat` does it."""
        return self.write(name, b"".join(part.read_bytes() for part in parts))

    def heard(self, path: Path, spoken: Clip, **more: Any) -> Made:
        """All words of the clip, and no warnings."""
        return Made(path, spoken.words, more.pop("duration_s", spoken.duration_s), **more)


def overwritten(content: bytes, at: int, new: bytes) -> bytes:
    return content[:at] + new + content[at + len(new) :]
