"""Listens to the beginning of a recording before it is decoded: which track is heard, and whether its channels are mixed or kept apart.

Decoding starts again afterwards, so nothing has to be kept. One track with one channel needs no survey, stereo is decided after 20 s
of sound, and a call after a minute. Only a track that stays silent, or a call whose second voice does not come, costs more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from voicepipe_wire.transcript.media import AudioTrack, ChannelMode, ChannelReason, TrackState

from . import tracks
from .channels import CHANNELS_OF_A_CALL, Relation, Samples
from .refusal import Refused
from .sound import Frames

SILENT: Final = 1e-6  # mean square, -60 dBFS
MOST_S: Final = 600.0
# Played only on request, whatever their place.
EXTRA: Final = Disposition.comment | Disposition.visual_impaired | Disposition.clean_effects | Disposition.karaoke
TITLE_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class Choice:
    """The track, by its place among the audio tracks, and how its channels are heard. `voices` is the number of channels kept apart, 1 for a mix."""

    place: int
    mode: ChannelMode
    reason: ChannelReason
    voices: int
    tracks: tuple[AudioTrack, ...]
    has_listened: bool  # so the container is no longer at its start


@dataclass(slots=True)
class _Candidate:
    """A track that may be heard."""

    place: int
    stream: AudioStream
    is_heard: bool = False
    frames: Frames = field(default_factory=Frames)
    heard_s: float = 0.0
    channels: int = 0
    relation: Relation = field(default_factory=Relation)
    is_decided: bool = False

    def feed(self, frame: AudioFrame) -> None:
        self.channels = max(self.channels, frame.layout.nb_channels)
        if not self.frames.takes(frame):
            self.finish()
        self.frames.add(frame)
        for block in self.frames.blocks():
            self._listen(block)

    def _listen(self, block: Samples) -> None:
        rate = self.frames.rate
        self.heard_s += block.shape[1] / rate
        self.is_heard = self.is_heard or _has_sound(block, rate)
        if len(block) == CHANNELS_OF_A_CALL:
            self.relation.feed(block, rate)
            # Once for each second of sound: the judgement costs more than decoding a frame.
            self.is_decided = self.relation.verdict(is_end=False) is not None

    def finish(self) -> None:
        """Listen to the samples that do not fill a block."""
        if self.frames.samples:
            self._listen(self.frames.take())


def _has_sound(block: Samples, rate: int) -> bool:
    """By windows of 50 ms: a short sound in a silent second is sound."""
    window = max(1, rate // 20)
    squares = np.square(block).max(axis=0)
    whole = len(squares) // window * window
    return bool(whole) and bool(squares[:whole].reshape(-1, window).mean(axis=1).max() > SILENT)


def survey(container: InputContainer, *, track: int | None, channels: str) -> Choice:
    """Choose as the client asked: `track` from 1, None for the best one; `channels` is mix, separate or auto.

    Raises:
        Refused: `track_missing`, `unsupported_media`, `no_audio_stream` or `damaged_media`.
    """
    streams = container.streams.audio
    if not streams:
        has_picture = bool(container.streams.video)
        raise Refused("no_audio_stream" if has_picture else "damaged_media")
    if track is not None and track > len(streams):
        raise Refused("track_missing", track=track, count=_count(len(streams)))
    order = _order(streams) if track is None else [track - 1]
    candidates = [_Candidate(place, streams[place]) for place in order if tracks.can_decode(streams[place])]
    if not candidates:
        raise Refused("unsupported_media")
    best = candidates[0]
    has_listened = len(candidates) > 1 or _is_open(best, channels)
    if has_listened:
        best = _listen(container, candidates, channels)
    mode, reason, voices = _channel_mode(best, channels)
    facts = tuple(
        _facts(place, stream, _state(place, stream, candidates, best)) for place, stream in enumerate(streams)
    )
    return Choice(best.place, mode, reason, voices, facts, has_listened)


def _order(streams: Sequence[AudioStream]) -> list[int]:
    """The places of the tracks, that which players play first, extra ones last."""

    def rank(place: int) -> tuple[bool, bool, int]:
        disposition = streams[place].disposition
        return bool(disposition & EXTRA), not disposition & Disposition.default, place

    return sorted(range(len(streams)), key=rank)


def _is_open(candidate: _Candidate, channels: str) -> bool:
    """Whether it takes listening to know what to do with the channels of a track."""
    stated = candidate.stream.codec_context.channels
    return channels == "auto" and stated in {0, CHANNELS_OF_A_CALL}


def _listen(container: InputContainer, candidates: Sequence[_Candidate], channels: str) -> _Candidate:
    """The first candidate with sound, else the first one, once enough is known of its channels."""
    by_index = {each.stream.index: each for each in candidates}
    for index, frame in _frames(container, by_index):
        candidate = by_index[index]
        candidate.feed(frame)
        best = candidates[0]
        if best.is_heard and (not _is_open(best, channels) or _is_decided(best)):
            return best
    for candidate in candidates:
        candidate.finish()
    return next((each for each in candidates if each.is_heard), candidates[0])


def _frames(container: InputContainer, wanted: dict[int, _Candidate]) -> Iterator[tuple[int, AudioFrame]]:
    for each in wanted.values():
        each.stream.codec_context.thread_count = 1
    try:
        for packet in container.demux([each.stream for each in wanted.values()]):
            try:
                decoded = packet.decode()
            except MemoryError:  # of FFmpeg too
                raise
            except av.error.FFmpegError:
                continue
            for frame in tracks.usable(decoded):
                yield packet.stream_index, frame
    except MemoryError:  # of FFmpeg too
        raise
    except av.error.FFmpegError:
        return


def _is_decided(candidate: _Candidate) -> bool:
    return candidate.heard_s >= MOST_S or candidate.is_decided


def _channel_mode(best: _Candidate, channels: str) -> tuple[ChannelMode, ChannelReason, int]:
    """What becomes of the channels, why, and how many are kept apart."""
    count = best.channels or best.stream.codec_context.channels
    if count <= 1:
        return "mix", "one_channel", 1
    if channels == "separate":
        return "separate", "requested", count
    if channels == "mix":
        return "mix", "requested", 1
    if count != CHANNELS_OF_A_CALL:
        return "mix", "several", 1
    is_call = best.relation.verdict(is_end=True) == "independent"
    return ("separate", "independent", count) if is_call else ("mix", "related", 1)


def _state(place: int, stream: AudioStream, candidates: Sequence[_Candidate], best: _Candidate) -> TrackState:
    candidate = next((each for each in candidates if each.place == place), None)
    if place == best.place:
        return "heard"
    if not tracks.can_decode(stream):
        return "undecodable"
    if candidate is None:
        return "unused"
    # Only those before the chosen one have been listened to long enough to say so.
    return "silent" if candidates.index(candidate) < candidates.index(best) else "unused"


def _facts(place: int, stream: AudioStream, state: TrackState) -> AudioTrack:
    context = stream.codec_context
    return AudioTrack(
        track=place + 1,
        codec=context.codec.name if context else "unknown",
        channels=context.channels if context else 0,
        sample_rate_hz=context.sample_rate if context else 0,
        state=state,
        is_default=bool(stream.disposition & Disposition.default),
        language=_text(stream.metadata.get("language")),
        title=_text(stream.metadata.get("title") or stream.metadata.get("handler_name")),
    )


def _text(value: str | None) -> str | None:
    shown = "".join(char for char in value or "" if char.isprintable())[:TITLE_CHARS].strip()
    return None if shown in {"", "und", "SoundHandler"} else shown


def _count(tracks: int) -> str:
    return "one" if tracks == 1 else str(tracks)
