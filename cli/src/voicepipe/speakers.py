"""Who speaks in a recording: how many are expected, and which of them a person means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from .errors import NoSpeakers, NoSuchSpeaker
from .model import JsonObject

# What the server takes.
MOST_SPEAKERS: Final = 50
_AUTO: Final = "auto"
_LIMITS: Final = re.compile(r"(?P<least>[0-9]{0,4})(?P<range>\.\.(?P<most>[0-9]{0,4}))?")


@dataclass(frozen=True, slots=True)
class SpeakerLimits:
    """How many people speak, both ends included; None: nothing is known about that end."""

    least: int | None = None
    most: int | None = None

    @classmethod
    def from_text(cls, text: str) -> SpeakerLimits:
        """`2`: exactly two; `2..4`, `2..`, `..4`; `auto`: as many as there are. Raises ValueError, which says what is wrong."""
        if text == _AUTO:
            return cls()
        match = _LIMITS.fullmatch(text)
        if match is None or not (match["least"] or match["most"]):
            raise ValueError(f"'{text}' is no number of speakers. Give 2, 2..4, 2.., ..4 or auto.")
        least = int(match["least"]) if match["least"] else None
        most = (int(match["most"]) if match["most"] else None) if match["range"] else least
        for number in (least, most):
            if number is not None and not 1 <= number <= MOST_SPEAKERS:
                raise ValueError(f"{number} speakers cannot be told apart. Give numbers from 1 to {MOST_SPEAKERS}.")
        if least is not None and most is not None and least > most:
            raise ValueError(f"{least} is more than {most}. Give the smaller number first: {most}..{least}.")
        return cls(least, most)

    def to_json(self) -> dict[str, int]:
        """Only what is known."""
        limits = {"min_speakers": self.least, "max_speakers": self.most}
        return {name: number for name, number in limits.items() if number is not None}


@dataclass(frozen=True, slots=True)
class Speaker:
    """Somebody who speaks, in one version of a transcript; version 2 may number the same people differently.

    `id` is `speaker_1`, `speaker_2`, ... in the order of first words. `talk_s` is how long they talk in seconds, `share`
    that of all talk (0..1), `segments` how many are theirs, `colour` is `#rrggbb`. `document` is the server's own JSON.
    """

    id: str
    name: str
    talk_s: float
    share: float
    segments: int
    colour: str
    document: JsonObject = field(repr=False)

    @property
    def number(self) -> str:
        """`1` of `speaker_1`."""
        return self.id.rpartition("_")[2]

    @classmethod
    def from_json(cls, data: JsonObject) -> Speaker:
        """Raises KeyError, TypeError or ValueError where this is no speaker."""
        return cls(
            id=str(data["id"]),
            name=str(data.get("name") or data["id"]),
            talk_s=float(data.get("talk_s") or 0),
            share=float(data.get("share") or 0),
            segments=int(data.get("segments") or 0),
            colour=str(data.get("colour") or ""),
            document=data,
        )


def find_speaker(speakers: Sequence[Speaker], reference: str) -> Speaker:
    """The one that is meant by an id, a number or a name, in capitals or not.

    An id wins: there must be a way to mean somebody whose number is the name of another. Raises NoSuchSpeaker where it
    fits nobody or more than one, NoSpeakers where there is nobody at all.
    """
    if not speakers:
        raise NoSpeakers
    wanted = reference.strip().casefold()
    by_id = [speaker for speaker in speakers if speaker.id.casefold() == wanted]
    found = by_id or [speaker for speaker in speakers if wanted in {speaker.number, speaker.name.casefold()}]
    if not found:
        raise NoSuchSpeaker(f"There is no speaker '{reference}'. There are {_listed(speakers)}.")
    if len(found) > 1:
        raise NoSuchSpeaker(f"'{reference}' may be {_listed(found)}. Give the id.")
    return found[0]


def _listed(speakers: Iterable[Speaker]) -> str:
    return ", ".join(f"{speaker.id} ({speaker.name})" for speaker in speakers)
