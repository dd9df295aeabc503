"""Opens a recording with FFmpeg and reads the frames of one audio track, placed in time."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import av
import av.logging
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream

from . import chunked, formats
from .losses import AUDIBLE_S, Losses
from .recordings import Recording
from .skipped import watch
from .timeline import JITTER_S, Placed, Timeline

READ_BYTES: Final = 1 << 18
# FFmpeg goes on after an error of the container, if it can. So often in a row, and the rest is given up.
TRIES: Final = 8
# A jump of a free clock up to this is a pause, if there is no other track to tell.
BELIEVED_PAUSE_S: Final = 3600.0
# A picture may stay for so long without a new packet, and the packets of two tracks may be so far out of step.
ON_S: Final = 3.0
BACK_S: Final = 2.0
APART_S: Final = 2.0
SHARE_OF_STATED: Final = 0.02
CUT_S: Final = 1.0
# FFmpeg logs this error for each video codec, because `formats` allows none.
OWN_RULE: Final = "not on whitelist"
# FFmpeg has read ahead by so much when it complains, at most.
SHORTLY_S: Final = 0.5
# To find out what is in a file it reads 5 s of most formats.
READ_AHEAD_S: Final = 6.0


def opened(recording: Recording, complaints: Complaints) -> InputContainer:
    """The recording as FFmpeg sees it, from its start.

    Raises:
        av.error.FFmpegError: it is not a recording, or is damaged.
    """
    complaints.begin()
    recording.source.seek(0)
    options = dict(formats.OPTIONS)
    if chunked.is_plain(recording.source.peek(0, 64)):
        options |= formats.PLAIN_WAV
    container = av.open(recording.source, "r", options=options, metadata_errors="replace", buffer_size=READ_BYTES)
    assert isinstance(container, InputContainer)  # noqa: S101 - opened to read
    return container


def can_decode(stream: AudioStream) -> bool:
    """Whether there is a decoder for the track that may be used."""
    context = stream.codec_context
    return context is not None and formats.is_allowed(context.codec.name)


class Complaints(logging.Handler):
    """Counts what FFmpeg complains about. It keeps no text: that has data of the file."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.count = 0
        self._count_before = 0

    def begin(self) -> None:
        """A recording is opened. FFmpeg reads its first seconds for that, and complains of them then."""
        self._count_before = self.count

    @property
    def has_new(self) -> bool:
        """Whether there are complaints of the recording that was opened last."""
        return self.count > self._count_before

    def emit(self, record: logging.LogRecord) -> None:
        self.count += OWN_RULE not in record.getMessage()


def listen_to_complaints(complaints: Complaints) -> None:
    """From now on, what FFmpeg logs goes to `complaints` and nowhere else."""
    av.logging.set_level(av.logging.ERROR)
    logger = logging.getLogger("libav")
    logger.handlers, logger.propagate = [complaints], False


@dataclass(slots=True)
class _Others:
    """How far the other tracks have come: whether a clock that jumps is that of one track or that of the file."""

    since_s: float = 0.0  # their timestamps have gone on from here without a jump
    reached_s: float | None = None

    def note(self, reached_s: float) -> None:
        if self.reached_s is None or not -BACK_S <= reached_s - self.reached_s <= ON_S:
            self.since_s = reached_s
        self.reached_s = reached_s

    def went_on(self, before_s: float, after_s: float) -> bool:
        """Whether they have timestamps from `before_s` to `after_s`, as far as tracks are in step. They may be far ahead of the track."""
        assert self.reached_s is not None  # noqa: S101 - there is another track
        return self.since_s <= before_s + APART_S and after_s - APART_S <= self.reached_s


class TrackReader:
    """Reads one track of an opened recording to its end.

    `losses` gets what cannot be decoded, with times that count from `offset_s`. `max_s` limits the length with its silence.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: AudioStream,
        recording: Recording,
        complaints: Complaints,
        losses: Losses,
        *,
        offset_s: float,
        max_s: float,
    ) -> None:
        self._container, self._stream, self._recording = container, stream, recording
        self._complaints, self._losses, self._offset_s = complaints, losses, offset_s
        self._format = formats.family(container.format.name)
        self._others = _Others()
        self._skips = watch(recording.source, self._format)
        self._complained_s = -math.inf
        self._suspect_until_s = READ_AHEAD_S if complaints.has_new else 0.0
        self._gave_up = False
        self._failed_s = 0.0  # what could not be decoded since the last frame
        self._ticks_s = [float(each.time_base or 0) for each in container.streams]
        self._is_before_sound = True
        self._has_start = container.start_time is not None
        self._end_s = 0.0  # of all tracks, by their timestamps
        self._zero_s = self._start_of_file()
        self._timeline: Timeline[AudioFrame] = Timeline(
            None if self._format in formats.NUMBERED else self._zero_s,
            max_s,
            self._is_break,
            is_timed=self._format in formats.TIMED,
        )
        stream.codec_context.thread_count = 1

    @property
    def position_s(self) -> float:
        return self._timeline.position_s

    @property
    def stated_s(self) -> float | None:
        """The length that the file states, None if it does not."""
        if self._recording.stated_s is not None:
            return self._recording.stated_s
        if self._format not in formats.STATING or self._container.duration is None:
            return None
        duration_s = float(self._container.duration) / av.time_base
        is_end = self._format in formats.STATING_THEIR_END and duration_s > self._zero_s
        return duration_s - self._zero_s if is_end else duration_s

    def frames(self) -> Iterator[Placed[AudioFrame]]:
        """The frames in order, each with the silence before it."""
        seen = self._complaints.count
        tick_s = self._ticks_s[self._stream.index]
        for packet in self._packets():
            for frame in self._decode(packet):
                start_s = None if frame.pts is None else frame.pts * tick_s
                if self._is_before_sound:
                    self._is_before_sound = False
                    if not self._has_start and start_s is not None:
                        self._note_start(start_s)
                for placed in self._timeline.feed(frame, start_s, frame.samples / frame.sample_rate):
                    if self._complaints.count > seen:
                        seen, self._complained_s = self._complaints.count, self._timeline.position_s
                    silence_s = self._account(placed.silence_s, placed.frame.samples / placed.frame.sample_rate)
                    yield placed if silence_s == placed.silence_s else Placed(silence_s, placed.frame)
        yield from self._timeline.finish()
        self._note_end()

    def _start_of_file(self) -> float:
        """The timestamp that a player shows as 0: in MP4 it is 0, as edit lists say; elsewhere the first one of all tracks."""
        start_s = float(self._container.start_time or 0) / av.time_base
        return min(start_s, 0.0) if self._format == "mov" else start_s

    def _packets(self) -> Iterator[Packet[Any]]:
        """The packets of the track. An error of the container loses what is damaged, and reading goes on behind it, if it can."""
        failures = 0
        while failures < TRIES:
            try:
                for packet in self._container.demux():
                    failures = 0
                    is_ours = packet.stream_index == self._stream.index
                    self._note(packet, is_ours=is_ours)
                    if is_ours:
                        self._complaints.count += packet.is_corrupt
                        yield packet
            except MemoryError:  # of FFmpeg too
                raise
            except av.error.FFmpegError:
                failures += 1
                self._complaints.count += 1
            else:
                return
        self._gave_up = True

    def _note(self, packet: Packet[Any], *, is_ours: bool) -> None:
        """How far the tracks have come. A Fraction for every packet would cost more than decoding it."""
        # FFmpeg cannot work out decoding timestamps for a video that it may not decode.
        stamp = packet.pts if packet.dts is None else packet.dts
        if stamp is None:
            return
        tick_s = self._ticks_s[packet.stream_index]
        if self._is_before_sound and packet.pts is not None and _is_film(packet.stream):
            self._note_start(packet.pts * tick_s)
        self._end_s = max(self._end_s, (stamp + (packet.duration or 0)) * tick_s - self._zero_s)
        if not is_ours:
            self._others.note(stamp * tick_s)

    def _note_start(self, at_s: float) -> None:
        """Correct the start: for a video that FFmpeg may not decode, its start time is too late or missing."""
        if self._format == "mov":
            return
        self._zero_s = min(self._zero_s, at_s) if self._has_start else at_s
        self._has_start = True
        self._timeline.begin_at(self._zero_s)

    def _decode(self, packet: Packet[Any]) -> list[AudioFrame]:
        if self._skips is not None and (skipped := self._skips.before_next(packet)):
            read_bytes = self._skips.read_bytes
            self._failed_s += self._timeline.position_s * skipped / read_bytes if read_bytes else 0.0
        try:
            frames = packet.decode()
        except av.error.EOFError:
            return []
        except MemoryError:  # of FFmpeg too
            raise
        except av.error.FFmpegError:
            self._failed_s += (packet.duration or 0) * self._ticks_s[packet.stream_index] if packet.size else 0.0
            return []
        return usable(frames)

    def _account(self, silence_s: float, frame_s: float) -> float:
        """Count what is missing before a frame, the last one that was placed, as lost. Returns the silence that takes its place.

        A gap is a loss if FFmpeg has complained shortly before it, if the format has no pauses, or if the file shows that data are missing. What
        failed is in the gap already, if there are timestamps.
        """
        failed_s, self._failed_s = self._failed_s, 0.0
        start_s = self._timeline.position_s - frame_s - silence_s
        is_loss = (
            self._format in formats.GAPLESS
            or self._recording.has_holes
            or start_s - self._complained_s <= SHORTLY_S
            or start_s <= self._suspect_until_s
        )
        is_late = start_s <= JITTER_S  # sound that begins after the picture
        lost_s = max(silence_s, failed_s) if is_loss and not is_late else failed_s
        if lost_s:
            self._losses.lose(self._offset_s + start_s, lost_s)
        return silence_s + self._timeline.lose(failed_s) if failed_s else silence_s

    def _is_break(self, before_s: float, after_s: float) -> bool:
        """Whether a jump of the timestamps is that of all tracks. In most formats they count from the start of the recording, so it is not."""
        if self._format not in formats.FREE_CLOCKS:
            return False
        if self._others.reached_s is None:
            return after_s - before_s > BELIEVED_PAUSE_S
        return not self._others.went_on(before_s, after_s)

    def _note_end(self) -> None:
        """Whether the file ends before its stated end. The longest track counts: others may be shorter."""
        stated_s = self.stated_s
        missing_s = self._recording.missing_s
        if stated_s is not None and not self._recording.missing_s and not self._recording.is_whole:
            reached_s = max(self._end_s, self._timeline.position_s)
            missing_s = stated_s - reached_s
            if missing_s <= max(CUT_S, stated_s * SHARE_OF_STATED):
                missing_s = 0.0
        missing_s = max(missing_s, self._timeline.position_s * self._recording.missing_share)
        if self._gave_up and not missing_s:
            read_bytes = max(1, self._recording.source.tell())
            missing_s = self._timeline.position_s * (self._recording.source.size_bytes - read_bytes) / read_bytes
        if missing_s < AUDIBLE_S:  # a length that counts the header too
            missing_s = 0.0
        if self._failed_s and not missing_s:  # else it is the half of a frame at the cut
            self._losses.lose(self._offset_s + self._timeline.position_s, self._failed_s)
        self._losses.missing_s += missing_s


def _is_film(stream: Stream) -> bool:
    return stream.type == "video" and not stream.disposition & Disposition.attached_pic


def usable(frames: Sequence[object]) -> list[AudioFrame]:
    """The frames that have audio."""
    return [frame for frame in frames if isinstance(frame, AudioFrame) and frame.samples and frame.sample_rate]
