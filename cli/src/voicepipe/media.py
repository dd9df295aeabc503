"""What the server found in the file of a recording, and what of it is worth a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

# Nobody is surprised that stereo is mixed.
_STEREO: Final = 2


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """An audio track, numbered from 1. `state` is one of heard, silent, undecodable, unused. A field that the file does not state is None."""

    track: int
    codec: str
    channels: int
    sample_rate_hz: int
    state: str
    is_default: bool
    language: str | None
    title: str | None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> AudioTrack:
        return cls(
            track=int(data.get("track") or 0),
            codec=str(data.get("codec") or ""),
            channels=int(data.get("channels") or 0),
            sample_rate_hz=int(data.get("sample_rate_hz") or 0),
            state=str(data.get("state") or ""),
            is_default=bool(data.get("is_default")),
            language=data.get("language"),
            title=data.get("title"),
        )


@dataclass(frozen=True, slots=True)
class Media:
    """`codec`, `sample_rate_hz` and `channels` are those of `track`, which was heard. Durations are seconds.

    `channel_mode` is mix or separate; with separate each channel is a speaker. `channel_reason` says why. `recordings` counts those
    that lie one after the other in the file. Numbers of tracks and channels count from 1. `document` is the server's JSON.
    """

    container: str
    codec: str
    sample_rate_hz: int
    channels: int
    channel_mode: str
    channel_reason: str
    track: int
    tracks: tuple[AudioTrack, ...]
    decoded_duration_s: float
    stated_duration_s: float | None
    recordings: int
    inverted_channels: tuple[int, ...]
    document: Mapping[str, Any] = field(repr=False)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Media:
        """Convert the JSON of what was found.

        Raises:
            TypeError, ValueError: a field has another type than the contract says.
        """
        stated_s = data.get("stated_duration_s")
        return cls(
            container=str(data.get("container") or ""),
            codec=str(data.get("codec") or ""),
            sample_rate_hz=int(data.get("sample_rate_hz") or 0),
            channels=int(data.get("channels") or 0),
            channel_mode=str(data.get("channel_mode") or "mix"),
            channel_reason=str(data.get("channel_reason") or ""),
            track=int(data.get("track") or 1),
            tracks=tuple(map(AudioTrack.from_json, data.get("tracks") or ())),
            decoded_duration_s=float(data.get("decoded_duration_s") or 0),
            stated_duration_s=None if stated_s is None else float(stated_s),
            recordings=int(data.get("recordings") or 1),
            inverted_channels=tuple(map(int, data.get("inverted_channels") or ())),
            document=data,
        )

    @property
    def summary(self) -> str | None:
        """What a user may not expect of the file, on one line; None for one recording of one track in mono or stereo, mixed."""
        parts = [", ".join(self._heard())] if any(self._heard()) else []
        if self.recordings > 1:
            parts.append(f"{self.recordings} recordings in one file")
        return "; ".join(parts) or None

    def _heard(self) -> Iterator[str]:
        if len(self.tracks) > 1:
            yield f"track {self.track} of {len(self.tracks)}"
        if self.channel_mode == "separate":
            yield f"{self.channels} channels, each a speaker"
        elif self.channels > _STEREO or self.inverted_channels:
            yield f"{self.channels} channels mixed"
        if self.inverted_channels:
            yield f"{_listed(self.inverted_channels)} inverted"


def _listed(channels: Sequence[int]) -> str:
    *first, last = map(str, channels)
    return f"channels {', '.join(first)} and {last}" if first else f"channel {last}"
