"""Warnings: the transcription completes all the same. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from .entry import Entry, row

DIARIZE_AGAIN = (
    "The transcript is complete without speakers. Request them again with POST /v1/transcriptions/ID/diarization."
)

# A transcription with a warning still completes.
WARNINGS: Mapping[str, Entry] = {
    "speakers_unavailable": row(
        None, None, "No diarizer", "No diarizer was running, so the transcript has no speakers.", DIARIZE_AGAIN
    ),
    "speakers_too_long": row(
        None,
        None,
        "Too long for speakers",
        "The recording is longer than {limit_h:.2g} hours, the limit for telling speakers apart.",
        "The transcript is complete without speakers.",
        limit_h=3,
    ),
    "speakers_failed": row(None, None, "Diarization failed", "The speakers could not be told apart.", DIARIZE_AGAIN),
    "speakers_late": row(
        None, None, "Diarization too slow", "The speakers were not told apart in time.", DIARIZE_AGAIN
    ),
    "part_missing": row(
        None,
        None,
        "Part missing",
        "Part of the speech could not be recognized; the transcript marks the gap.",
        "Retry the transcription to fill it.",
    ),
    "language_assumed": row(
        None,
        None,
        "Language assumed",
        "The language was assumed to be {known}, the only one that the model '{model}' knows.",
        "Use model=auto if this is wrong.",
        model="fast",
        known="English",
    ),
    "doubtful_parts": row(
        None,
        None,
        "Low confidence",
        "The model had low confidence in parts of this recording, and retries did not help.",
        "Check those parts against the audio.",
    ),
    "truncated_media": row(
        None,
        None,
        "Truncated file",
        "The file ends before its stated length.",
        "Everything up to that point was transcribed.",
    ),
    "damaged_parts": row(
        None, None, "Damaged parts", "Parts of the file could not be read.", "Words may be missing there."
    ),
}
