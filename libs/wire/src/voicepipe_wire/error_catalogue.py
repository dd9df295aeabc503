"""Every error and warning that a client can see: its code, its statuses and its text. Pure.

`errors.Problem` and `errors.Reject` take their sentences from this table, OpenAPI takes its examples, and
docs/errors.md is generated from it (`python -m voicepipe_wire.error_catalogue`). A code is stable; its text may change.
`{fields}` are filled in where the error is raised; `example` has the values that documentation shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MEDIA_FORMATS = "WAV, MP3, M4A, FLAC, OGG, WebM or MP4"
DIARIZE_AGAIN = (
    "The transcript is complete without speakers. Request them again with POST /v1/transcriptions/ID/diarization."
)


@dataclass(frozen=True, slots=True)
class Entry:
    """`status` is the HTTP status and `grpc` the name of a `grpc.StatusCode`; None if no response has the code."""

    status: int | None
    grpc: str | None
    title: str
    sentence: str
    remedy: str = ""
    example: Mapping[str, Any] = field(default_factory=dict)

    def detail(self, **values: Any) -> str:
        """What happened and what to do, with the fields filled in.

        Raises:
            KeyError: a field has no value.
        """
        return f"{self.sentence} {self.remedy}".strip().format(**values)

    @property
    def example_detail(self) -> str:
        return self.detail(**self.example)


def _e(status: int | None, grpc: str | None, title: str, sentence: str, remedy: str = "", **example: Any) -> Entry:
    return Entry(status, grpc, title, sentence, remedy, example)


# Responses to requests.
REQUESTS: Mapping[str, Entry] = {
    "key_missing": _e(
        401,
        "UNAUTHENTICATED",
        "API key missing",
        "This request has no API key.",
        "Send it as 'Authorization: Bearer KEY'.",
    ),
    "key_unknown": _e(
        401,
        "UNAUTHENTICATED",
        "API key unknown",
        "This API key is unknown or was revoked.",
        "Check it, or request a new one from an operator.",
    ),
    "operators_only": _e(
        403, "PERMISSION_DENIED", "Operators only", "Only operators may do this.", "Use an operator's API key."
    ),
    "not_found": _e(
        404,
        "NOT_FOUND",
        "Not found",
        "There is no such {what}: it never existed, was deleted, or belongs to another user.",
        "Check the address and the API key.",
        what="transcription",
    ),
    "version_not_found": _e(
        404,
        "NOT_FOUND",
        "Version not found",
        "The transcript has no such version.",
        "Omit `version` for the latest one.",
    ),
    "speaker_not_found": _e(
        404,
        "NOT_FOUND",
        "Speaker not found",
        "The latest version of the transcript has no such speaker.",
        "Choose one of those in `speakers`.",
    ),
    "method_not_allowed": _e(
        405,
        "UNIMPLEMENTED",
        "Method not allowed",
        "{method} is not supported at this address.",
        "See /docs.",
        method="PUT",
    ),
    "bad_request": _e(400, "INVALID_ARGUMENT", "Bad request", "The request cannot be read.", "Check it against /docs."),
    "format_unknown": _e(
        406,
        "INVALID_ARGUMENT",
        "Unknown format",
        "Transcripts are available as json, txt, srt, vtt and rttm.",
        "Choose one with `format` or `Accept`.",
    ),
    "not_ready": _e(
        409,
        "FAILED_PRECONDITION",
        "Not ready",
        "The transcript is not ready yet.",
        "Try again after Retry-After, or follow the events.",
    ),
    "cancelled": _e(
        409,
        "FAILED_PRECONDITION",
        "Cancelled",
        "The transcription was cancelled before it was complete.",
        "Retry it to continue where it stopped.",
    ),
    "not_cancellable": _e(
        409,
        "FAILED_PRECONDITION",
        "Not cancellable",
        "The transcription has already ended, so there is nothing to cancel.",
    ),
    "not_retryable": _e(
        409,
        "FAILED_PRECONDITION",
        "Not retryable",
        "No part of the transcription failed or was cancelled, so there is nothing to retry.",
    ),
    "no_speakers": _e(
        409,
        "FAILED_PRECONDITION",
        "No speakers",
        "This transcript has no speakers.",
        "Request them with POST /v1/transcriptions/ID/diarization.",
    ),
    "not_completed": _e(
        409,
        "FAILED_PRECONDITION",
        "Not completed",
        "Speakers can be requested again only after the transcription has completed.",
        "Wait for it, or retry it if it failed.",
    ),
    "audio_gone": _e(
        410,
        "FAILED_PRECONDITION",
        "Audio no longer stored",
        "The original audio of this transcription is no longer stored.",
        "The transcript is still available.",
    ),
    "range_unsatisfiable": _e(
        416,
        "OUT_OF_RANGE",
        "Range not satisfiable",
        "The range starts beyond the end of the audio.",
        "Content-Range gives its size.",
    ),
    "bad_cursor": _e(
        400,
        "INVALID_ARGUMENT",
        "Bad cursor",
        "This cursor was not issued by this server.",
        "Use `next_cursor` of the previous page, or omit it to start at the beginning.",
    ),
    "bad_event_id": _e(
        400,
        "INVALID_ARGUMENT",
        "Bad event id",
        "Last-Event-ID must be the `id` of an event, a whole number.",
        "Omit it to start at the beginning.",
    ),
    "invalid_request": _e(
        422,
        "INVALID_ARGUMENT",
        "Invalid request",
        "The request is not valid: {reason}.",
        "See /docs.",
        reason="limit: Input should be less than or equal to 100",
    ),
    "too_many_streams": _e(
        429,
        "RESOURCE_EXHAUSTED",
        "Too many event streams",
        "This API key has too many event streams open.",
        "Close one and try again.",
    ),
    "body_too_large": _e(
        413,
        "INVALID_ARGUMENT",
        "Request too large",
        "The request body is larger than {limit_kib} KiB.",
        "Send only what /docs lists.",
        limit_kib=16,
    ),
    "empty_body": _e(400, "INVALID_ARGUMENT", "Empty recording", "The recording is empty.", "Choose another file."),
    "unknown_option": _e(
        400,
        "INVALID_ARGUMENT",
        "Unknown option",
        "There is no option '{option}'.",
        "The options are: {options}.",
        option="lang",
        options="model, language, task, ...",
    ),
    "form_malformed": _e(
        400,
        "INVALID_ARGUMENT",
        "Malformed form",
        "The form {reason}.",
        "Send the recording as the only file, in the field 'file'.",
        reason="has no file",
    ),
    "length_mismatch": _e(
        400,
        "INVALID_ARGUMENT",
        "Length mismatch",
        "{reason}.",
        "{next_step}.",
        reason="The connection ended before all announced bytes had arrived",
        next_step="Send the recording again",
    ),
    "invalid_header": _e(
        400,
        "INVALID_ARGUMENT",
        "Invalid header",
        "{reason}.",
        reason="Upload-Offset must be a whole number of bytes, 0 or more",
    ),
    "invalid_metadata": _e(
        400,
        "INVALID_ARGUMENT",
        "Invalid metadata",
        "Upload-Metadata is not valid: {reason}.",
        "Its format is a comma-separated list of 'KEY BASE64', each key once, with values in UTF-8.",
        reason="'filename' is not valid base64",
    ),
    "invalid_checksum": _e(
        400,
        "INVALID_ARGUMENT",
        "Invalid checksum",
        "Upload-Checksum is not valid: {reason}.",
        "Its format is 'ALGORITHM BASE64'; the algorithms are {algorithms}.",
        reason="the digest has the wrong length for sha1",
        algorithms="sha1, sha256, md5",
    ),
    "upload_stalled": _e(
        408,
        "DEADLINE_EXCEEDED",
        "Upload stalled",
        "No data arrived for {idle_s:.0f} s.",
        "Check the connection, then resume the upload or send the recording again.",
        idle_s=60,
    ),
    "wrong_offset": _e(
        409,
        "ABORTED",
        "Wrong offset",
        "The upload has {stored_bytes} bytes, but this request starts at {given_bytes}.",
        "Continue at {stored_bytes}.",
        stored_bytes=8388608,
        given_bytes=0,
    ),
    "superseded": _e(
        409,
        "ABORTED",
        "Upload superseded",
        "Another connection has continued this upload, or it was terminated.",
        "Request its offset with HEAD and continue there.",
    ),
    "too_many_parts": _e(
        409,
        "FAILED_PRECONDITION",
        "Too many parts",
        "The upload was interrupted so often that the object store accepts no more parts of it.",
        "Start a new upload.",
    ),
    "expired": _e(
        410,
        "FAILED_PRECONDITION",
        "Upload expired",
        "The upload was terminated, or was not completed in time.",
        "Start a new upload.",
    ),
    "tus_version": _e(
        412,
        "FAILED_PRECONDITION",
        "Unsupported tus version",
        "The request does not use tus {version}.",
        "Send 'Tus-Resumable: {version}'.",
        version="1.0.0",
    ),
    "too_large": _e(
        413,
        "INVALID_ARGUMENT",
        "Recording too large",
        "The recording is larger than the limit of {limit}.",
        "Split or compress it.",
        limit="5 GiB",
    ),
    "unsupported_media_type": _e(
        415,
        "INVALID_ARGUMENT",
        "Unsupported media type",
        "A recording is audio or video, but this one was sent as '{declared}'.",
        "Set its content type, such as audio/wav, or send application/octet-stream to have it detected.",
        declared="image/png",
    ),
    "tus_content_type": _e(
        415,
        "INVALID_ARGUMENT",
        "Wrong content type",
        "The body of this request has the wrong content type.",
        "Send it as 'Content-Type: {content_type}'.",
        content_type="application/offset+octet-stream",
    ),
    "invalid_option": _e(
        422,
        "INVALID_ARGUMENT",
        "Invalid option",
        "Option '{option}' is '{value}'.",
        "It must be {allowed}.",
        option="language",
        value="klingon",
        allowed="auto, or a code such as en, de or ja",
    ),
    "model_not_served": _e(
        422,
        "FAILED_PRECONDITION",
        "Model not served",
        "Model '{model}' is not served here.",
        "Choose one of: {served}, auto.",
        model="accurate",
        served="fast",
    ),
    "checksum_mismatch": _e(
        460,
        "DATA_LOSS",
        "Checksum mismatch",
        "The received bytes do not match their checksum, and none of them were kept.",
        "Send them again.",
    ),
    "no_model": _e(
        503,
        "UNAVAILABLE",
        "No speech model",
        "No speech model is served yet.",
        "Try again in a moment. If this persists, an operator should check Triton and the transcribe workers.",
    ),
    "no_diarizer": _e(
        503,
        "UNAVAILABLE",
        "No diarizer",
        "No diarizer is running, so speakers cannot be told apart at the moment.",
        "Try again later, or ask an operator to start one.",
    ),
    "busy": _e(
        503,
        "UNAVAILABLE",
        "Busy",
        "Too many uploads are arriving at once.",
        "Nothing was lost; try again in a few seconds.",
    ),
    "unavailable": _e(
        503,
        "UNAVAILABLE",
        "Temporarily unavailable",
        "Part of the service is temporarily unavailable.",
        "Nothing was lost; try again in a few seconds.",
    ),
}

# Errors of a transcription, or of a gap in its transcript, found while it is processed. Those with a status are also
# responses to requests.
JOBS: Mapping[str, Entry] = {
    "not_audio": _e(
        415,
        "INVALID_ARGUMENT",
        "Not a recording",
        "This file is not an audio or video recording: it is {found}.",
        "{next_step}.",
        found="an archive",
        next_step="Unpack it and send the recordings one by one",
    ),
    "unsupported_media": _e(
        None,
        None,
        "Unsupported codec",
        "The audio in this file uses an unsupported codec.",
        "Convert it to WAV, MP3 or FLAC.",
    ),
    "no_audio_stream": _e(
        None, None, "No audio track", "This video has no audio track.", "Send the file that contains the audio."
    ),
    "damaged_media": _e(
        None,
        None,
        "Damaged file",
        "This file is damaged or incomplete, and none of its audio could be decoded.",
        "Export it again and send the new file.",
    ),
    "too_short": _e(
        None,
        None,
        "Recording too short",
        "This recording is shorter than {min_audio_s:g} seconds.",
        "Send a longer one.",
        min_audio_s=0.25,
    ),
    "too_long": _e(
        None,
        None,
        "Recording too long",
        "This recording is longer than {max_audio_h:g} hours.",
        "Split it and send the parts.",
        max_audio_h=12,
    ),
    "decode_timeout": _e(
        None, None, "Decoding timed out", "This file took too long to decode.", "Convert it to WAV, MP3 or FLAC."
    ),
    "decode_limit": _e(
        None,
        None,
        "Decoding limit reached",
        "Decoding this file needs more memory or processor time than is allowed.",
        "Convert it to WAV, MP3 or FLAC.",
    ),
    "audio_missing": _e(None, None, "Audio missing", "The stored recording is missing.", "Upload it again."),
    "nothing_recognized": _e(
        None,
        None,
        "Nothing recognized",
        "No part of the speech in this recording could be recognized.",
        "Retry it, or choose another model.",
    ),
    "language_not_known": _e(
        None,
        None,
        "Language not known",
        "The recording is in {language}, but the model '{model}' knows only {known}.",
        "Send it again with model=auto, or set the language if it was detected wrongly.",
        language="Spanish",
        model="fast",
        known="English",
    ),
    "model_gone": _e(
        None,
        None,
        "Model no longer served",
        "The chosen speech model is no longer served.",
        "Start a new transcription with another model.",
    ),
    "bad_params": _e(
        None,
        None,
        "Rejected by the model",
        "The speech model rejected the options of this transcription: {reason}.",
        "Choose other options.",
        reason="beam must be 1 to 10",
    ),
    "bad_audio": _e(
        None,
        None,
        "Rejected by the model",
        "The speech model could not read the audio: {reason}.",
        "Retry it.",
        reason="it has no samples",
    ),
    "audio_too_long": _e(
        None,
        None,
        "Rejected by the model",
        "A chunk was too long for the speech model: {reason}.",
        "Retry it.",
        reason="at most 30 s",
    ),
    "unsupported_language": _e(
        None,
        None,
        "Language not supported",
        "The speech model does not support this language: {reason}.",
        "Choose another model or language.",
        reason="this model does not know the language 'xx'",
    ),
    "unsupported_task": _e(
        None,
        None,
        "Task not supported",
        "The speech model does not support this task: {reason}.",
        "Choose another model or task.",
        reason="this model does not translate",
    ),
    "worker_lost": _e(
        None,
        None,
        "Worker lost",
        "The workers that processed this recording died repeatedly.",
        "Retry it; an operator can inspect the dead letter.",
    ),
    "internal_error": _e(
        500,
        "INTERNAL",
        "Internal error",
        "An internal error occurred and was logged.",
        "Try again. If it persists, ask an operator.",
    ),
    "bad_message": _e(
        None,
        None,
        "Unknown message",
        "This version does not understand the message: {reason}.",
        "An operator should check which versions are running.",
        reason="there is no type voicepipe.v2.PrepareRecording",
    ),
}

# A transcription with a warning still completes.
WARNINGS: Mapping[str, Entry] = {
    "speakers_unavailable": _e(
        None, None, "No diarizer", "No diarizer was running, so the transcript has no speakers.", DIARIZE_AGAIN
    ),
    "speakers_too_long": _e(
        None,
        None,
        "Too long for speakers",
        "The recording is longer than {limit_h:.2g} hours, the limit for telling speakers apart.",
        "The transcript is complete without speakers.",
        limit_h=3,
    ),
    "speakers_failed": _e(None, None, "Diarization failed", "The speakers could not be told apart.", DIARIZE_AGAIN),
    "speakers_late": _e(None, None, "Diarization too slow", "The speakers were not told apart in time.", DIARIZE_AGAIN),
    "part_missing": _e(
        None,
        None,
        "Part missing",
        "Part of the speech could not be recognized; the transcript marks the gap.",
        "Retry the transcription to fill it.",
    ),
    "language_assumed": _e(
        None,
        None,
        "Language assumed",
        "The language was assumed to be {known}, the only one that the model '{model}' knows.",
        "Use model=auto if this is wrong.",
        model="fast",
        known="English",
    ),
    "doubtful_parts": _e(
        None,
        None,
        "Low confidence",
        "The model had low confidence in parts of this recording, and retries did not help.",
        "Check those parts against the audio.",
    ),
    "truncated_media": _e(
        None,
        None,
        "Truncated file",
        "The file ends before its stated length.",
        "Everything up to that point was transcribed.",
    ),
    "damaged_parts": _e(
        None, None, "Damaged parts", "Parts of the file could not be read.", "Words may be missing there."
    ),
}

ERRORS: Mapping[str, Entry] = {**REQUESTS, **JOBS}


def as_markdown() -> str:
    """The content of docs/errors.md."""
    return "\n".join(
        (
            "# Errors",
            "",
            "Generated by `python -m voicepipe_wire.error_catalogue`; edit `error_catalogue.py` in `libs/wire` instead.",
            "",
            "Every error is RFC 9457 problem JSON with a stable `code`; `detail` says what happened and what to do. A",
            "failed transcription has a code from the second table in `error`, as does a gap in a transcript. Values in",
            "`{braces}` vary.",
            "",
            "## Responses to requests",
            "",
            *_rows(REQUESTS, statuses=True),
            "",
            "## Errors of a transcription",
            "",
            "A code with a status can also be the response to a request.",
            "",
            *_rows(JOBS, statuses=True),
            "",
            "## Warnings",
            "",
            "A transcription with a warning still completes.",
            "",
            *_rows(WARNINGS, statuses=False),
            "",
        )
    )


def _rows(entries: Mapping[str, Entry], *, statuses: bool) -> list[str]:
    names = ["code", *(["HTTP", "gRPC"] if statuses else []), "what happened", "what to do"]
    rows = [names, ["---"] * len(names)]
    for code, entry in entries.items():
        status = [str(entry.status or ""), f"`{entry.grpc}`" if entry.grpc else ""] if statuses else []
        rows.append([f"`{code}`", *status, entry.sentence, entry.remedy])
    return [f"| {' | '.join(row)} |" for row in rows]


if __name__ == "__main__":
    print(as_markdown(), end="")  # noqa: T201
