"""The warnings that follow from what the decoder found in a file. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from voicepipe_wire.transcript.media import Media

from voicepipe_orchestrator.domain import SAMPLE_RATE

from .report import Found


@dataclass(frozen=True, slots=True)
class Finding:
    """A warning of the catalogue: the fields of its sentence, and where and to how much of the recording it applies."""

    code: str
    values: Mapping[str, str | float] = field(default_factory=dict)
    start_s: float | None = None
    duration_s: float | None = None


def warnings_of(found: Found, speech_s: float, *, wished_track: int | None = None) -> Iterator[Finding]:
    """The warnings about a file. `speech_s` is the speech that was detected in all voices, `wished_track` what its owner asked for."""
    media, duration_s = found.media, found.samples / SAMPLE_RATE
    if found.missing_s > 0:
        yield Finding("truncated_media", {"missing": seconds(found.missing_s)}, duration_s, found.missing_s)
    if found.lost_s > 0:
        first_s = found.first_s or 0.0
        yield Finding("damaged_parts", {"lost": seconds(found.lost_s), "at": clock(first_s)}, first_s, found.lost_s)
    if len(media.tracks) > 1:
        values: dict[str, str | float] = {
            "count": len(media.tracks),
            "track": media.track,
            "reason": "it was asked for" if wished_track else _reason(media),
        }
        yield Finding("several_tracks", values)
    if media.voices > 1 and media.channel_reason == "independent":
        yield Finding("channels_separated", {"count": media.voices})
    if media.inverted_channels:
        yield Finding("channels_inverted", {"inverted": _inverted(media)})
    if speech_s == 0:
        loudest: dict[str, str | float] = {"duration": seconds(duration_s), "peak_dbfs": round(found.peak_dbfs)}
        yield Finding("no_speech", loudest, 0.0, duration_s)


def _reason(media: Media) -> str:
    """Why this track was heard, and no other one."""
    states = {
        state: [each.track for each in media.tracks if each.state == state] for state in ("silent", "undecodable")
    }
    parts = [
        f"track{'s' * (len(numbers) > 1)} {_listed(numbers)} {'are' if len(numbers) > 1 else 'is'} {what}"
        for state, what in (("silent", "silent"), ("undecodable", "in a codec that is not supported"))
        if (numbers := states[state])
    ]
    if parts:
        return " and ".join(parts)
    chosen = next((each for each in media.tracks if each.track == media.track), None)
    return "players play it by default" if chosen and chosen.is_default else "it is the first one"


def _inverted(media: Media) -> str:
    numbers = list(media.inverted_channels)
    return f"channel {numbers[0]} was" if len(numbers) == 1 else f"channels {_listed(numbers)} were"


def _listed(numbers: list[int]) -> str:
    *first, last = map(str, numbers)
    return f"{', '.join(first)} and {last}" if first else last


def seconds(duration_s: float) -> str:
    """A duration for people: `2.5 s`, `40 s`, `3 min 20 s`."""
    if duration_s < 10:  # noqa: PLR2004
        return f"{duration_s:.1f} s"
    minutes, rest_s = divmod(round(duration_s), 60)
    return f"{minutes} min {rest_s} s" if minutes else f"{rest_s} s"


def clock(time_s: float) -> str:
    """A time in a recording: `1:04`, `2:00:09`."""
    minutes, rest_s = divmod(int(time_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest_s:02}" if hours else f"{minutes}:{rest_s:02}"
