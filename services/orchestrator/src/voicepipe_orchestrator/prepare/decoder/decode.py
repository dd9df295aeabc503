"""Decodes an uploaded file to PCM: finds its recordings, chooses track and channels, and writes every voice from start to end."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import av
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


@dataclass(slots=True)
class _Pass:
    """What one pass over the file found. All passes find the same, but for the voice."""

    samples: int = 0
    peak: int = 0
    container: str = ""
    codec: str = ""
    rate: int = 0
    channels: int = 0
    stated_s: float | None = None


def decode(file: File, job: Job, write: Callable[[bytes], None], report: Callable[[dict[str, Any]], None]) -> None:
    """Write the PCM of every voice, one after the other. `report` gets what is known early, and the result at last.

    Raises:
        Refused: the file cannot be decoded at all.
    """
    complaints = Complaints()
    tracks.listen_to_complaints(complaints)
    found = recordings.find(file)
    choice = _survey(file, found, job)
    report({"voices": choice.voices})
    peak, mixer, result, losses = 0, Mixer(), _Pass(), Losses()
    for voice in range(choice.voices):
        losses, result = Losses(), _Pass()
        pcm = Pcm(write, mixer, only=voice if choice.mode == "separate" else None, voices=choice.voices)
        _decode_voice(file, found, choice, job, pcm, complaints, losses, result, report)
        pcm.finish(WINDOW)
        result.samples, peak = pcm.samples, max(peak, pcm.peak)
    if not result.samples:
        raise Refused("damaged_media")
    report(_result(found, choice, result, losses, mixer, peak))


def _survey(file: File, found: list[Recording], job: Job) -> Choice:
    try:
        with tracks.opened(found[0]) as container:
            return survey(container, track=job.track, channels=job.channels)
    except MemoryError:  # of FFmpeg too
        raise
    except (av.error.FFmpegError, ValueError) as error:
        raise Refused("damaged_media" if formats.is_recording(file.read(0, 16)) else "not_audio") from error


def _decode_voice(
    file: File,
    found: list[Recording],
    choice: Choice,
    job: Job,
    pcm: Pcm,
    complaints: Complaints,
    losses: Losses,
    result: _Pass,
    report: Callable[[dict[str, Any]], None],
) -> None:
    position_s = 0.0
    for number, recording in enumerate(found):
        try:
            with tracks.opened(recording) as container:
                stream = _stream(container, choice.place)
                if stream is None:
                    continue
                reader = TrackReader(
                    container,
                    stream,
                    recording,
                    complaints,
                    losses,
                    offset_s=position_s,
                    max_s=job.max_s - position_s,
                )
                if number == 0:
                    _describe(result, container, stream, reader, file)
                    report({"stated_s": _sum(result.stated_s, len(found))})
                elif result.stated_s is not None:
                    result.stated_s = None if reader.stated_s is None else result.stated_s + reader.stated_s
                for placed in reader.frames():
                    if placed.silence_s:
                        pcm.silence(placed.silence_s)
                    pcm.add(placed.frame)
                position_s += reader.position_s
        except MemoryError:  # of FFmpeg too
            raise
        except (av.error.FFmpegError, ValueError):
            _lose_recording(file, recording, position_s, losses)


def _stream(container: Any, place: int) -> Any:
    """The track at the same place as in the first recording, else the first one that can be decoded."""
    usable = [stream for stream in container.streams.audio if tracks.can_decode(stream)]
    same = [stream for stream in container.streams.audio[place : place + 1] if tracks.can_decode(stream)]
    return next(iter(same or usable), None)


def _describe(result: _Pass, container: Any, stream: Any, reader: TrackReader, file: File) -> None:
    context = stream.codec_context
    result.container = formats.container_name(container.format.name, file.read(0, 64))
    result.codec, result.rate, result.channels = context.codec.name, context.sample_rate, context.channels
    result.stated_s = reader.stated_s


def _sum(first_s: float | None, count: int) -> float | None:
    """The length for the progress: a file of several recordings is not known before its end."""
    return first_s if count == 1 else None


def _lose_recording(file: File, recording: Recording, position_s: float, losses: Losses) -> None:
    """A recording that cannot be opened: as long as the others are by its share of the bytes."""
    before = file.size_bytes - recording.source.size_bytes
    share = recording.source.size_bytes / before if before > 0 else 0.0
    losses.lose(position_s, position_s * share)


def _result(
    found: list[Recording], choice: Choice, result: _Pass, losses: Losses, mixer: Mixer, peak: int
) -> dict[str, Any]:
    media = Media(
        container=result.container,
        codec=result.codec,
        sample_rate_hz=result.rate,
        channels=result.channels,
        channel_mode=choice.mode,
        channel_reason=choice.reason,
        track=choice.place + 1,
        tracks=choice.tracks,
        decoded_duration_s=result.samples / RATE,
        stated_duration_s=result.stated_s,
        recordings=len(found),
        inverted_channels=tuple(sorted(channel + 1 for channel in mixer.inverted)),
    )
    return {
        "samples": result.samples,
        "media": media.to_json(),
        "lost_s": losses.lost_s if losses.is_audible else 0.0,
        "first_s": losses.first_s,
        "missing_s": losses.missing_s,
        "peak_dbfs": round(20 * math.log10(peak / 32768), 1) if peak else SILENCE_DBFS,
    }
