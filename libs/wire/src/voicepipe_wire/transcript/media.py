"""What was found in the file of a recording, and what was heard of it.

`prepare` writes it, the transcript and the status of a job have it. It is stored as JSON; a reader ignores unknown fields.
Names and titles in a file are data of whoever made it, and may be anything.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import msgspec

TrackState = Literal["heard", "silent", "undecodable", "unused"]
ChannelMode = Literal["mix", "separate"]
# requested: the option `channels` says so. one_channel: there is nothing to choose. independent: two channels with a voice each.
# related: the channels carry the same sound, or parts of one. several: more than two, which are not judged.
ChannelReason = Literal["requested", "one_channel", "independent", "related", "several"]


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """An audio track, numbered from 1 in the order of the file.

    `language` and `title` are as the file states them, None if it does not. `unused` says that nobody listened to it to its end.
    """

    track: int
    codec: str
    channels: int
    sample_rate_hz: int
    state: TrackState
    is_default: bool = False
    language: str | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Media:
    """`container` and `codec` are the names that FFmpeg uses, `codec`, `sample_rate_hz` and `channels` those of `track`, the track that was heard.

    `recordings` counts recordings that lie one after the other in the file. `stated_duration_s` is what the file says of its
    length, None if it says nothing; `decoded_duration_s` is the length of what was heard, pauses included.
    `inverted_channels`, numbered from 1, were inverted before they were mixed.
    """

    container: str
    codec: str
    sample_rate_hz: int
    channels: int
    channel_mode: ChannelMode
    channel_reason: ChannelReason
    track: int
    tracks: tuple[AudioTrack, ...]
    decoded_duration_s: float
    stated_duration_s: float | None = None
    recordings: int = 1
    inverted_channels: tuple[int, ...] = ()

    @property
    def voices(self) -> int:
        """The number of channels that are transcribed apart; 1 if they are mixed."""
        return self.channels if self.channel_mode == "separate" else 1

    def to_json(self) -> dict[str, Any]:
        """JSON-compatible values."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Any) -> Media:
        """What `to_json` wrote.

        Raises:
            msgspec.ValidationError: a field is missing or of the wrong type.
        """
        return msgspec.convert(document, cls)
