"""Renders a transcript as JSON, plain text, SubRip, WebVTT and RTTM, and negotiates the format. Pure.

Segments refer to speakers by id; the output shows their names. SubRip has no specification and no escaping, so words are
written unchanged; WebVTT follows the W3C specification (WebVTT 1).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from heapq import merge
from itertools import chain
from typing import Final

from voicepipe_wire.transcript.document import Gap, Transcript, TranscriptSegment
from voicepipe_wire.transcript.languages import UNSPACED, separator

from .captions import Caption, CaptionSegment, CaptionWord, captions

# A pause of this length starts a new paragraph.
PARAGRAPH_PAUSE_S: Final = 2.0


class Format(StrEnum):
    """The formats, in order of preference if a client accepts several equally."""

    JSON = "json"
    TXT = "txt"
    SRT = "srt"
    VTT = "vtt"
    RTTM = "rttm"

    @property
    def media_type(self) -> str:
        return MEDIA_TYPES[self]


MEDIA_TYPES: Final = {
    Format.JSON: "application/json",
    Format.TXT: "text/plain",
    Format.SRT: "application/x-subrip",
    Format.VTT: "text/vtt",
    Format.RTTM: "application/x-rttm",
}


def negotiate(accept_header: str | None, format_query: str | None) -> Format | None:
    """The format of the response, or None if no format is acceptable.

    `?format=` wins over `Accept`. Within `Accept` (RFC 9110, 12.5.1) the most specific range applies to a format. The
    highest quality wins, then the more specific range, then the earlier one. A missing header means `*/*`.
    """
    if format_query is not None:
        return Format(format_query.lower()) if format_query.lower() in set(Format) else None
    ranges = list(_ranges((accept_header or "").strip() or "*/*"))

    def preference(each: Format) -> tuple[float, int, int]:
        """The quality, and the specificity and (negated) position of the range that gives it."""
        matches = [
            (specific, -position, quality)
            for position, (media_range, quality) in enumerate(ranges)
            if (specific := _specificity(media_range, each.media_type))
        ]
        specific, position, quality = max(matches, default=(0, 0, 0.0))
        return quality, specific, position

    preferred = max(Format, key=preference)
    return preferred if preference(preferred)[0] > 0 else None


def as_json(transcript: Transcript) -> str:
    """The stored document."""
    return json.dumps(transcript.to_json(), ensure_ascii=False, separators=(",", ":")) + "\n"


def as_txt(transcript: Transcript) -> str:
    """One line per paragraph, separated by empty lines. A long pause or another speaker starts a paragraph.

    With speakers, each paragraph starts with its time and the name of the speaker.
    """
    names = _names(transcript)
    paragraphs: list[str] = []
    before: TranscriptSegment | Gap | None = None
    for part in _in_order(transcript):
        if isinstance(part, Gap):
            paragraphs.append(inaudible(part))
        elif isinstance(before, TranscriptSegment) and _continues(before, part):
            paragraphs[-1] += separator(before.language, part.language) + _one_line(part.text)
        else:
            paragraphs.append(_paragraph_prefix(part, names) + _one_line(part.text))
        before = part
    return "\n\n".join(paragraphs) + "\n" if paragraphs else ""


def as_srt(transcript: Transcript) -> str:
    """SubRip, with the name of the speaker before the words whenever the speaker changes; of separate channels always."""
    cues = _captions(transcript, label=True)
    blocks = ("\n".join((str(number), _times(cue, ","), *cue.lines, "")) for number, cue in enumerate(cues, start=1))
    return "\n".join(blocks)


def as_vtt(transcript: Transcript) -> str:
    """WebVTT, with voice spans if speakers are known."""
    names = _names(transcript)
    cues = _captions(transcript, label=False)
    blocks = (f"\n{number}\n{_times(cue, '.')}\n{_vtt_text(cue, names)}\n" for number, cue in enumerate(cues, start=1))
    return "WEBVTT\n" + "".join(blocks)


def as_rttm(transcript: Transcript, recording: str) -> str:
    """RTTM, one line per turn (Rich Transcription Time Marked; NIST RT-09 evaluation plan, appendix A).

    Speakers with the same name become one.
    """
    names = _names(transcript)
    file = _field(recording) or transcript.id
    lines = []
    for turn in transcript.turns:
        start_ms, end_ms = round(turn.start_s * 1000), round(turn.end_s * 1000)
        times = f"{start_ms / 1000:.3f} {(end_ms - start_ms) / 1000:.3f}"
        label = _field(_display_name(turn.speaker, names)) or turn.speaker
        lines.append(f"SPEAKER {file} 1 {times} <NA> <NA> {label} <NA> <NA>\n")
    return "".join(lines)


def inaudible(gap: Gap) -> str:
    """How a gap is shown to a reader."""
    return f"[inaudible {_clock(round(gap.start_s * 1000))}-{_clock(round(gap.end_s * 1000))}]"


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    for each in accept.split(","):
        media_range, *parameters = (part.strip().lower() for part in each.split(";"))
        quality = next((value[2:].strip() for value in parameters if value.startswith("q=")), "1")
        try:
            yield media_range, min(1.0, max(0.0, float(quality)))
        except ValueError:
            continue  # ignore a range whose quality is not a number


def _specificity(media_range: str, media_type: str) -> int:
    """3 for the type itself, 2 for `type/*`, 1 for `*/*`, 0 for no match."""
    if media_range == media_type:
        return 3
    if media_range == f"{media_type.split('/', 1)[0]}/*":
        return 2
    return 1 if media_range == "*/*" else 0


def _names(transcript: Transcript) -> Mapping[str, str]:
    return {speaker.id: _one_line(speaker.name) for speaker in transcript.speakers}


def _display_name(speaker: str, names: Mapping[str, str]) -> str:
    return names.get(speaker) or _one_line(speaker)


def _paragraph_prefix(segment: TranscriptSegment, names: Mapping[str, str]) -> str:
    """The time and speaker before the words of a paragraph."""
    when = f"[{_clock(round(segment.start_s * 1000))}] " if names else ""
    return when + (f"{_display_name(segment.speaker, names)}: " if segment.speaker else "")


def _field(text: str) -> str:
    """A field of RTTM, which separates fields by spaces."""
    return "_".join(text.split())


def _in_order(transcript: Transcript) -> Iterator[TranscriptSegment | Gap]:
    return merge(transcript.segments, sorted(transcript.gaps, key=_start_s), key=_start_s)


def _start_s(part: TranscriptSegment | Gap) -> float:
    return part.start_s


def _continues(before: TranscriptSegment, after: TranscriptSegment) -> bool:
    return before.speaker == after.speaker and after.start_s - before.end_s < PARAGRAPH_PAUSE_S


def _captions(transcript: Transcript, *, label: bool) -> Sequence[Caption]:
    """In the order of their starts. `label`: with the names of speakers before the words.

    Captions of separate channels overlap where people talk at the same time, so each of them has its name.
    """
    if transcript.media is None or transcript.media.voices == 1:
        return captions(_caption_segments(transcript, label=label))
    names = _names(transcript)
    voices: defaultdict[str | None, list[CaptionSegment]] = defaultdict(list)
    for each in _caption_segments(transcript, label=False):
        voices[each.speaker].append(each)
    cues = chain.from_iterable(
        captions(segments, f"{_display_name(speaker, names)}:" if label and speaker else "")
        for speaker, segments in voices.items()
    )
    return sorted(cues, key=lambda cue: (cue.start_ms, cue.end_ms))


def _caption_segments(transcript: Transcript, *, label: bool) -> Iterator[CaptionSegment]:
    """Segments for captions. `label`: put the name of a new speaker before the words."""
    names = _names(transcript)
    speaker: str | None = None
    for part in _in_order(transcript):
        if isinstance(part, Gap):
            yield CaptionSegment((CaptionWord(part.start_s, part.end_s, inaudible(part)),), standalone=True)
            continue
        words = tuple(CaptionWord(word.start_s, word.end_s, word.text) for word in part.words)
        new = part.speaker if label and part.speaker != speaker else None
        if new:
            words = (CaptionWord(part.start_s, part.start_s, f"{_display_name(new, names)}:"), *words)
        speaker = part.speaker
        yield CaptionSegment(words, spaced=part.language not in UNSPACED, speaker=speaker, opens=bool(new))


def _vtt_text(cue: Caption, names: Mapping[str, str]) -> str:
    voice = f"<v {_escaped(_display_name(cue.speaker, names))}>" if cue.speaker else ""
    return voice + "\n".join(_escaped(line) for line in cue.lines)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _one_line(text: str) -> str:
    """The text without line breaks, which would end a paragraph or a cue."""
    return " ".join(text.split())


def _times(cue: Caption, point: str) -> str:
    return f"{_clock(cue.start_ms, point)} --> {_clock(cue.end_ms, point)}"


def _clock(at_ms: int, point: str | None = None) -> str:
    """HH:MM:SS, with milliseconds after `point` if one is given."""
    seconds, milliseconds = divmod(at_ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    clock = f"{hours:02}:{minutes:02}:{seconds:02}"
    return clock if point is None else f"{clock}{point}{milliseconds:03}"
