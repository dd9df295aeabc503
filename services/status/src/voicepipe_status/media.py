"""What was found in the file of a recording, as responses show it."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, Field
from voicepipe_wire.transcript.media import ChannelMode, ChannelReason, TrackState

MEDIA_EXAMPLE: Final[dict[str, Any]] = {
    "container": "wav",
    "codec": "pcm_s16le",
    "sample_rate_hz": 16_000,
    "channels": 1,
    "channel_mode": "mix",
    "channel_reason": "one_channel",
    "track": 1,
    "tracks": [
        {
            "track": 1,
            "codec": "pcm_s16le",
            "channels": 1,
            "sample_rate_hz": 16_000,
            "state": "heard",
            "is_default": False,
            "language": None,
            "title": None,
        }
    ],
    "decoded_duration_s": 612.4,
    "stated_duration_s": 612.4,
    "recordings": 1,
    "inverted_channels": [],
}


class AudioTrack(BaseModel):
    """An audio track of the file."""

    track: int = Field(examples=[1], description="Its number, in the order of the file; counts from 1")
    codec: str = Field(examples=["aac"], description="Name that FFmpeg uses")
    channels: int = Field(examples=[2], description="Number of channels")
    sample_rate_hz: int = Field(examples=[48_000])
    state: TrackState = Field(description="unused: nobody listened to it to its end")
    is_default: bool = Field(description="Whether the file marks it as the one to play")
    language: str | None = Field(examples=["eng"], description="As the file states it; null if it does not")
    title: str | None = Field(examples=["Interpreter"], description="As the file states it; null if it does not")


class Media(BaseModel):
    """What was found in the file, and what was heard of it."""

    container: str = Field(examples=["mov,mp4,m4a,3gp,3g2,mj2"], description="Name that FFmpeg uses")
    codec: str = Field(examples=["aac"], description="Name that FFmpeg uses; of the track that was heard")
    sample_rate_hz: int = Field(examples=[48_000], description="Of the track that was heard")
    channels: int = Field(examples=[2], description="Number of channels of the track that was heard")
    channel_mode: ChannelMode = Field(
        description="mix: all channels are in one transcript. separate: each was transcribed apart, and is a speaker"
    )
    channel_reason: ChannelReason = Field(
        description="Why. requested: the option `channels` says so. one_channel: there is nothing to choose. independent: two channels "
        "with a voice each. related: the channels carry the same sound, or parts of one. several: more than two, which are not judged"
    )
    track: int = Field(examples=[1], description="Number of the audio track that was heard; counts from 1")
    tracks: list[AudioTrack] = Field(description="All audio tracks, in the order of the file")
    decoded_duration_s: float = Field(
        examples=[612.4], description="Length of what was heard, in seconds, pauses included"
    )
    stated_duration_s: float | None = Field(
        examples=[612.4], description="Length that the file states, in seconds; null if it states none"
    )
    recordings: int = Field(examples=[1], description="Number of recordings that lie one after the other in the file")
    inverted_channels: list[int] = Field(
        description="Channels that were inverted before they were mixed, because they cancel others; they count from 1"
    )
