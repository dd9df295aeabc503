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
        "The file ends {missing} before its stated end.",
        "Everything up to that point was transcribed.",
        missing="12 s",
    ),
    "damaged_parts": row(
        None,
        None,
        "Damaged parts",
        "Parts of the file could not be read: {lost} in all, the first at {at}.",
        "Words may be missing there.",
        lost="2.5 s",
        at="1:04",
    ),
    "several_tracks": row(
        None,
        None,
        "Several audio tracks",
        "The file has {count} audio tracks, of which track {track} was transcribed: {reason}.",
        "Use track=N to choose another one.",
        count=2,
        track=2,
        reason="track 1 is silent",
    ),
    "channels_separated": row(
        None,
        None,
        "A channel, a speaker",
        "The file has a voice of its own in each of its {count} channels, so each was transcribed as one speaker.",
        "Use channels=mix if this is wrong.",
        count=2,
    ),
    "channels_inverted": row(
        None,
        None,
        "Inverted channels",
        "Channels cancel each other out when they are added, so {inverted} inverted before the mix.",
        "Check the wiring of the recorder.",
        inverted="channel 2 was",
    ),
    "no_speech": row(
        None,
        None,
        "No speech",
        "No speech was found in {duration} of audio, whose loudest sound has {peak_dbfs} dBFS.",
        "If there is speech, check that the right track was transcribed, and that it is not too quiet.",
        duration="30 s",
        peak_dbfs=-62,
    ),
    "no_words": row(
        None,
        None,
        "No words",
        "No words were recognized in {speech} that sounds like speech.",
        "Check it against the audio; set the language if it is known.",
        speech="12 s",
    ),
}
