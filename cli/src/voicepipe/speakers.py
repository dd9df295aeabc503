"""Speakers: how many to expect, and which one a user means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from .errors import NoSpeakers, NoSuchSpeaker
from .model import JsonObject

# The server's limit.
MOST_SPEAKERS: Final = 50
_AUTO: Final = "auto"
_LIMITS: Final = re.compile(r"(?P<least>[0-9]{0,4})(?P<range>\.\.(?P<most>[0-9]{0,4}))?")


@dataclass(frozen=True, slots=True)
class SpeakerLimits:
    """How many people speak, both bounds included; None: no bound."""

    least: int | None = None
    most: int | None = None

    @classmethod
    def from_text(cls, text: str) -> SpeakerLimits:
        """Parse `2` (exactly two), `2..4`, `2..`, `..4` or `auto` (no bounds).

        Raises:
            ValueError: with a message for the user.
        """
        if text == _AUTO:
            return cls()
        match = _LIMITS.fullmatch(text)
        if match is None or not (match["least"] or match["most"]):
            raise ValueError(f"'{text}' is not a number of speakers. Give 2, 2..4, 2.., ..4 or auto.")
        least = int(match["least"]) if match["least"] else None
        most = (int(match["most"]) if match["most"] else None) if match["range"] else least
        for number in (least, most):
            if number is not None and not 1 <= number <= MOST_SPEAKERS:
                raise ValueError(f"{number} speakers cannot be told apart. Give numbers from 1 to {MOST_SPEAKERS}.")
        if least is not None and most is not None and least > most:
            raise ValueError(f"{least} is more than {most}. Give the smaller number first: {most}..{least}.")
        return cls(least, most)

    def to_json(self) -> dict[str, int]:
        """The bounds that are set."""
        limits = {"min_speakers": self.least, "max_speakers": self.most}
        return {name: number for name, number in limits.items() if number is not None}


@dataclass(frozen=True, slots=True)
class Speaker:
    """A speaker of one version of a transcript. Another version may number the same people differently.

    `id` is `speaker_1`, `speaker_2`, ... in the order of first words. `talk_s` is the speaking time in seconds, `share`
    its share of all speech (0..1), `segments` the number of segments, `colour` `#rrggbb`. `document` is the
    server's JSON.
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
        """Convert the JSON of a speaker.

        Raises:
            KeyError, TypeError, ValueError: this is not a speaker.
        """
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
    """The speaker with this id, number or name, ignoring case.

    An id wins over a number or a name, so that every speaker can be referred to without ambiguity.

    Raises:
        NoSuchSpeaker: no speaker matches, or more than one.
        NoSpeakers: the transcript has none.
    """
    if not speakers:
        raise NoSpeakers
    wanted = reference.strip().casefold()
    by_id = [speaker for speaker in speakers if speaker.id.casefold() == wanted]
    found = by_id or [speaker for speaker in speakers if wanted in {speaker.number, speaker.name.casefold()}]
    if not found:
        raise NoSuchSpeaker(f"There is no speaker '{reference}'. The speakers are {_listed(speakers)}.")
    if len(found) > 1:
        raise NoSuchSpeaker(f"'{reference}' matches {_listed(found)}. Give the id.")
    return found[0]


def _listed(speakers: Iterable[Speaker]) -> str:
    return ", ".join(f"{speaker.id} ({speaker.name})" for speaker in speakers)
