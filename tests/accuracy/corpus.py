"""The recordings and their references: the phone call from pyannote.audio's wheel, and real speech if available."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SPEECH = ROOT.parent / "shared" / "speech"
PHONE_CALL = "A_pyannote_sample"
NO_SPEECH = "zxx"  # ISO 639: no linguistic content
LOW_CONFIDENCE = "low"  # a text of this confidence is not used as a reference


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch in which one person speaks. `text` is empty if unknown."""

    start_s: float
    end_s: float
    speaker: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording and its reference.

    `text` is None without a reference. `stretches` come from RTTM, `sentences` from STM; both may be empty.

    `language` is an ISO 639 code; several are joined with `+` if the language changes.
    """

    id: str
    path: Path
    language: str
    duration_s: float
    text: str | None = None
    speakers: int | None = None
    stretches: tuple[Stretch, ...] = ()
    sentences: tuple[Stretch, ...] = ()
    groups: tuple[str, ...] = ()
    has_accents: bool = True

    @property
    def switches_language(self) -> bool:
        return "+" in self.language

    @property
    def is_talked_over(self) -> bool:
        """Two people speak at once from the first word to the last, so no single text is right."""
        return "overlap" in self.groups and "two-channel" in self.groups


def phone_call() -> Recording:
    """Thirty seconds of two people, with an RTTM and a transcript made by hand.

    Raises:
        FileNotFoundError: the environment of the diarizer is not installed.
    """
    paths = sorted((ROOT / ".venv-diarizer" / "lib").glob("python3*/site-packages/pyannote/audio/sample/sample.wav"))
    if not paths:
        raise FileNotFoundError("the phone call ships with pyannote.audio, which .venv-diarizer lacks: run make venv")
    wav = paths[0]
    sentences = read_stm(wav.with_suffix(".stm"))
    return Recording(
        id=PHONE_CALL,
        path=wav,
        language="en",
        duration_s=30.0,
        text=" ".join(sentence.text for sentence in sentences),
        speakers=2,
        stretches=read_rttm(wav.with_suffix(".rttm")),
        sentences=sentences,
        groups=("A", "B", "telephone", "conversation"),
    )


def speech(folder: Path = SPEECH) -> tuple[Recording, ...]:
    """The recordings of the manifest in `folder`; none if there is no manifest.

    The phone call is omitted: it is in the wheel.
    """
    manifest = folder / "manifest.json"
    if not manifest.exists():
        return ()
    return tuple(_recording(folder, entry) for entry in json.loads(manifest.read_text()) if entry["id"] != PHONE_CALL)


def select(recordings: Sequence[Recording], patterns: Sequence[str]) -> tuple[Recording, ...]:
    """The recordings whose id, language or group matches one of the patterns; all of them without patterns."""
    return tuple(
        one
        for one in recordings
        if not patterns
        or any(fnmatch(name, pattern) for name in (one.id, one.language, *one.groups) for pattern in patterns)
    )


def read_rttm(path: Path) -> tuple[Stretch, ...]:
    """NIST's Rich Transcription Time Marked: SPEAKER file channel start_s duration_s <NA> <NA> speaker <NA> <NA>."""
    rows = (line.split() for line in path.read_text().splitlines() if line.startswith("SPEAKER"))
    return tuple(Stretch(float(row[3]), float(row[3]) + float(row[4]), row[7]) for row in rows)


def read_stm(path: Path) -> tuple[Stretch, ...]:
    """NIST's Segment Time Marked: file channel speaker start_s end_s text."""
    rows = (line.split(maxsplit=5) for line in path.read_text().splitlines() if line.strip())
    return tuple(Stretch(float(row[3]), float(row[4]), row[2], row[5]) for row in rows)


def _recording(folder: Path, entry: dict[str, Any]) -> Recording:
    confidence = entry.get("text_confidence", "")
    stretches = read_rttm(folder / entry["rttm"]) if entry.get("rttm") else ()
    sentences = read_stm(folder / entry["stm"]) if entry.get("stm") else ()
    if entry.get("num_speakers") == 1:  # one person with two labels: healthy, and with a cold
        stretches, sentences = _as_one_speaker(stretches), _as_one_speaker(sentences)
    return Recording(
        id=entry["id"],
        path=folder / entry["file"],
        language=entry["language"],
        duration_s=entry["duration_s"],
        text=None if confidence.startswith(LOW_CONFIDENCE) else entry.get("text"),
        speakers=entry.get("num_speakers"),
        stretches=stretches,
        sentences=sentences,
        groups=(*entry["group"].split(","), *entry["tags"]),
        has_accents="lacks accents" not in confidence,
    )


def _as_one_speaker(stretches: tuple[Stretch, ...]) -> tuple[Stretch, ...]:
    return tuple(Stretch(one.start_s, one.end_s, "speaker", one.text) for one in stretches)
