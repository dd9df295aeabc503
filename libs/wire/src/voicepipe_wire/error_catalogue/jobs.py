"""Errors of a transcription, or of a gap in its transcript. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from .entry import Entry, row

# Errors of a transcription, or of a gap in its transcript, found while it is processed. Those with a status are also
# responses to requests.
JOBS: Mapping[str, Entry] = {
    "not_audio": row(
        415,
        "INVALID_ARGUMENT",
        "Not a recording",
        "This file is not an audio or video recording: it is {found}.",
        "{next_step}.",
        found="an archive",
        next_step="Unpack it and send the recordings one by one",
    ),
    "unsupported_media": row(
        None,
        None,
        "Unsupported codec",
        "The audio in this file uses an unsupported codec.",
        "Convert it to WAV, MP3 or FLAC.",
    ),
    "no_audio_stream": row(
        None, None, "No audio track", "This video has no audio track.", "Send the file that contains the audio."
    ),
    "track_missing": row(
        None,
        None,
        "No such audio track",
        "The file has no audio track {track}: it has {count}.",
        "Choose one of them with track=N, or leave it out.",
        track=3,
        count=2,
    ),
    "damaged_media": row(
        None,
        None,
        "Damaged file",
        "This file is damaged or incomplete, and none of its audio could be decoded.",
        "Export it again and send the new file.",
    ),
    "too_short": row(
        None,
        None,
        "Recording too short",
        "This recording is shorter than {min_audio_s:g} seconds.",
        "Send a longer one.",
        min_audio_s=0.25,
    ),
    "too_long": row(
        None,
        None,
        "Recording too long",
        "This recording is longer than {max_audio_h:g} hours.",
        "Split it and send the parts.",
        max_audio_h=12,
    ),
    "decode_timeout": row(
        None, None, "Decoding timed out", "This file took too long to decode.", "Convert it to WAV, MP3 or FLAC."
    ),
    "decode_limit": row(
        None,
        None,
        "Decoding limit reached",
        "Decoding this file needs more memory or processor time than is allowed.",
        "Convert it to WAV, MP3 or FLAC.",
    ),
    "audio_missing": row(None, None, "Audio missing", "The stored recording is missing.", "Upload it again."),
    "nothing_recognized": row(
        None,
        None,
        "Nothing recognized",
        "No part of the speech in this recording could be recognized.",
        "Retry it, or choose another model.",
    ),
    "language_not_known": row(
        None,
        None,
        "Language not known",
        "The recording is in {language}, but the model '{model}' knows only {known}.",
        "Send it again with model=auto, or set the language if it was detected wrongly.",
        language="Spanish",
        model="fast",
        known="English",
    ),
    "model_gone": row(
        None,
        None,
        "Model no longer served",
        "The chosen speech model is no longer served.",
        "Start a new transcription with another model.",
    ),
    "bad_params": row(
        None,
        None,
        "Rejected by the model",
        "The speech model rejected the options of this transcription: {reason}.",
        "Choose other options.",
        reason="beam must be 1 to 10",
    ),
    "bad_audio": row(
        None,
        None,
        "Rejected by the model",
        "The speech model could not read the audio: {reason}.",
        "Retry it.",
        reason="it has no samples",
    ),
    "audio_too_long": row(
        None,
        None,
        "Rejected by the model",
        "A chunk was too long for the speech model: {reason}.",
        "Retry it.",
        reason="at most 30 s",
    ),
    "unsupported_language": row(
        None,
        None,
        "Language not supported",
        "The speech model does not support this language: {reason}.",
        "Choose another model or language.",
        reason="this model does not know the language 'xx'",
    ),
    "unsupported_task": row(
        None,
        None,
        "Task not supported",
        "The speech model does not support this task: {reason}.",
        "Choose another model or task.",
        reason="this model does not translate",
    ),
    "worker_lost": row(
        None,
        None,
        "Worker lost",
        "The workers that processed this recording died repeatedly.",
        "Retry it; an operator can inspect the dead letter.",
    ),
    "internal_error": row(
        500,
        "INTERNAL",
        "Internal error",
        "An internal error occurred and was logged.",
        "Try again. If it persists, ask an operator.",
    ),
    "bad_message": row(
        None,
        None,
        "Unknown message",
        "This version does not understand the message: {reason}.",
        "An operator should check which versions are running.",
        reason="there is no type voicepipe.v2.PrepareRecording",
    ),
}
