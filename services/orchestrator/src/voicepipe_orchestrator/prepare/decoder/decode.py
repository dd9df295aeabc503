"""Decodes an uploaded file to PCM: finds its recordings, chooses track and channels, and writes every voice from start to end."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import av
from av.container import InputContainer
from voicepipe_wire.transcript.media import Media

from voicepipe_orchestrator.domain import WINDOW

from . import formats, recordings, tracks
from .channels import Mixer
from .losses import Losses
from .recordings import Recording
from .refusal import Refused
from .sound import RATE, Pcm
from .source import File
from .survey import Choice, survey
from .tracks import Complaints, TrackReader

SILENCE_DBFS: Final = -96.0


@dataclass(frozen=True, slots=True)
class Job:
    """What the client asked for, and the longest recording, its silence included."""

    track: int | None
    channels: str
    max_s: float


def decode(file: File, job: Job, write: Callable[[bytes], None], report: Callable[[dict[str, Any]], None]) -> None:
    """Write the PCM of every voice, one after the other. `report` gets what is known early, and the result at last.

    Raises:
        Refused: the file cannot be decoded at all.
    """
    complaints = Complaints()
    tracks.listen_to_complaints(complaints)
    found = recordings.find(file)
    try:
        first = tracks.opened(found[0], complaints)
        choice = survey(first, track=job.track, channels=job.channels)
    except MemoryError:  # of FFmpeg too
        raise
    except (av.error.FFmpegError, ValueError) as error:
        raise Refused("damaged_media" if formats.is_recording(file.read(0, 16)) else "not_audio") from error
    container: InputContainer | None = first
    if choice.has_listened:
        first.close()
        container = None
    report({"voices": choice.voices})
    peak, mixer = 0, Mixer()
    for voice in range(choice.voices):
        pcm = Pcm(write, mixer, only=voice if choice.mode == "separate" else None, voices=choice.voices)
        reading = _Reading(file, found, choice, job.max_s, complaints)
        reading.run(pcm, report, container)
        container = None
        pcm.finish(WINDOW)
        peak = max(peak, pcm.peak)
    if not pcm.samples:
        raise Refused("damaged_media")
    report(reading.result(pcm.samples, mixer, peak))


class _Reading:
    """One pass over the file, for one voice. All passes find the same, but for the voice."""

    def __init__(
        self, file: File, found: Sequence[Recording], choice: Choice, max_s: float, complaints: Complaints
    ) -> None:
        self._file, self._found, self._choice = file, found, choice
        self._max_s, self._complaints = max_s, complaints
        self._losses = Losses()
        self._position_s = 0.0
        self._stated_s: float | None = 0.0
        self._facts: dict[str, Any] = {}

    def run(self, pcm: Pcm, report: Callable[[dict[str, Any]], None], container: InputContainer | None) -> None:
        """Write the voice. `container` is the first recording if it has been opened and not read."""
        for recording in self._found:
            try:
                with container or tracks.opened(recording, self._complaints) as opened:
                    container = None
                    reader = self._reader(opened, recording)
                    if reader is None:
                        continue
                    if recording is self._found[0]:
                        # For the progress. A file of several recordings is not known before its end.
                        report({"stated_s": reader.stated_s if len(self._found) == 1 else None})
                    self._copy(reader, pcm)
            except MemoryError:  # of FFmpeg too
                raise
            except (av.error.FFmpegError, ValueError):
                _lose_recording(self._file, recording, self._position_s, self._losses)

    def _reader(self, container: InputContainer, recording: Recording) -> TrackReader | None:
        stream = _stream(container, self._choice.place)
        if stream is None:
            return None
        reader = TrackReader(
            container,
            stream,
            recording,
            self._complaints,
            self._losses,
            offset_s=self._position_s,
            max_s=self._max_s - self._position_s,
        )
        if not self._facts:
            context = stream.codec_context
            self._facts = {
                "container": formats.container_name(container.format.name, self._file.read(0, 64)),
                "codec": context.codec.name,
                "sample_rate_hz": context.sample_rate,
                "channels": context.channels,
            }
        return reader

    def _copy(self, reader: TrackReader, pcm: Pcm) -> None:
        try:
            for placed in reader.frames():
                if placed.silence_s:
                    pcm.silence(placed.silence_s)
                pcm.add(placed.frame)
        finally:
            self._position_s += reader.position_s
            stated_s = reader.stated_s  # the start of the recording is known by now
            self._stated_s = None if self._stated_s is None or stated_s is None else self._stated_s + stated_s

    def result(self, samples: int, mixer: Mixer, peak: int) -> dict[str, Any]:
        media = Media(
            **self._facts,
            channel_mode=self._choice.mode,
            channel_reason=self._choice.reason,
            track=self._choice.place + 1,
            tracks=self._choice.tracks,
            decoded_duration_s=samples / RATE,
            stated_duration_s=self._stated_s,
            recordings=len(self._found),
            inverted_channels=tuple(sorted(channel + 1 for channel in mixer.inverted)),
        )
        return {
            "samples": samples,
            "media": media.to_json(),
            "lost_s": self._losses.lost_s if self._losses.is_audible else 0.0,
            "first_s": self._losses.first_s,
            "missing_s": self._losses.missing_s,
            "peak_dbfs": round(20 * math.log10(peak / 32768), 1) if peak else SILENCE_DBFS,
        }


def _stream(container: Any, place: int) -> Any:
    """The track at the same place as in the first recording, else the first one that can be decoded."""
    usable = [stream for stream in container.streams.audio if tracks.can_decode(stream)]
    same = [stream for stream in container.streams.audio[place : place + 1] if tracks.can_decode(stream)]
    return next(iter(same or usable), None)


def _lose_recording(file: File, recording: Recording, position_s: float, losses: Losses) -> None:
    """A recording that cannot be opened: as long as the others are by its share of the bytes."""
    before = file.size_bytes - recording.source.size_bytes
    share = recording.source.size_bytes / before if before > 0 else 0.0
    losses.lose(position_s, position_s * share)
