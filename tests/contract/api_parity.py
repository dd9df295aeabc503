"""What REST and gRPC have in common, and where they differ on purpose: tables that the tests check and docs/api-parity.md shows.

PYTHONPATH=tests python -m contract.api_parity > docs/api-parity.md
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Operation:
    """`methods` do what a REST operation does; without any, `why` says why there is none.

    `parameters` are those of REST whose field has another name; `without` are those that gRPC does not need, with the reason.
    """

    methods: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    without: Mapping[str, str] = field(default_factory=dict)
    why: str = ""


_JOB = {"job_id": "id"}
_PAGE = {"limit": "page_size", "cursor": "page_token"}
_TRANSCRIPTION = "/v1/transcriptions/{job_id}"
_CACHES = "a client that has a version need not ask again"
_KEY = {"Idempotency-Key": "request_id"}
_TUS = {"Tus-Resumable": "a detail of tus"}
_LETTER = "/v1/admin/dead-letters/{sequence}"

OPERATIONS: Mapping[str, Operation] = {
    "POST /v1/transcriptions": Operation(("Uploads.Create",), _KEY),
    "POST /v1/uploads": Operation(
        ("Uploads.Create",),
        {**_KEY, "Upload-Length": "size_bytes", "Upload-Metadata": "name", "Upload-Checksum": "sha256"},
        {**_TUS, "Upload-Defer-Length": "`size_bytes` is not set"},
    ),
    "PATCH /v1/uploads/{upload_id}": Operation(
        ("Uploads.Create",),
        {"Upload-Offset": "offset_bytes", "Upload-Length": "size_bytes", "Upload-Checksum": "sha256"},
        _TUS,
    ),
    "HEAD /v1/uploads/{upload_id}": Operation(("Uploads.Get",), without=_TUS),
    "DELETE /v1/uploads/{upload_id}": Operation(("Uploads.Delete",), without=_TUS),
    "OPTIONS /v1/uploads": Operation(why="discovery of tus; the limits are in `Installation.GetCapabilities`"),
    "GET /v1/transcriptions": Operation(("Transcriptions.List",), {**_PAGE, "state": "states"}),
    f"GET {_TRANSCRIPTION}": Operation(("Transcriptions.Get",), _JOB),
    f"DELETE {_TRANSCRIPTION}": Operation(("Transcriptions.Delete",), _JOB),
    f"POST {_TRANSCRIPTION}/cancel": Operation(("Transcriptions.Cancel",), _JOB),
    f"POST {_TRANSCRIPTION}/retry": Operation(("Transcriptions.Retry",), _JOB),
    f"GET {_TRANSCRIPTION}/events": Operation(
        ("Transcriptions.Watch",),
        {**_JOB, "last-event-id": "after_sequence", "last_event_id": "after_sequence"},
    ),
    f"GET {_TRANSCRIPTION}/transcript": Operation(
        ("Transcriptions.GetTranscript", "Transcriptions.Render"),
        {**_JOB, "accept": "format"},
        {"if-none-match": _CACHES, "download": "a browser needs it"},
    ),
    f"PATCH {_TRANSCRIPTION}/speakers/{{speaker}}": Operation(("Transcriptions.RenameSpeaker",), _JOB),
    f"POST {_TRANSCRIPTION}/diarization": Operation(("Transcriptions.DiarizeAgain",), _JOB | _KEY),
    f"GET {_TRANSCRIPTION}/audio": Operation(
        ("Transcriptions.GetAudio",),
        {**_JOB, "range": "offset_bytes"},
        {"if-none-match": _CACHES, "if-range": "a recording never changes"},
    ),
    f"HEAD {_TRANSCRIPTION}/audio": Operation(
        ("Transcriptions.GetAudio",),
        {**_JOB, "range": "offset_bytes"},
        {"if-none-match": _CACHES, "if-range": "a recording never changes"},
    ),
    "GET /v1/capabilities": Operation(("Installation.GetCapabilities",)),
    "GET /version": Operation(("Installation.GetVersion",)),
    "GET /v1/admin/dead-letters": Operation(("Admin.ListDeadLetters",), _PAGE),
    "POST /v1/admin/dead-letters/redrive": Operation(("Admin.RedriveDeadLetters",), _PAGE),
    f"GET {_LETTER}": Operation(("Admin.GetDeadLetter",)),
    f"POST {_LETTER}/redrive": Operation(("Admin.RedriveDeadLetter",)),
    f"DELETE {_LETTER}": Operation(("Admin.DiscardDeadLetter",)),
    "GET /v1/admin/audit": Operation(("Admin.ListOperatorActions",), _PAGE),
    "GET /v1/admin/queues": Operation(("Admin.ListQueues",)),
    "GET /v1/admin/stuck-jobs": Operation(("Admin.ListStuckJobs",), _PAGE),
}

# Fields of requests that no parameter of REST becomes, with what they are.
REQUEST_FIELDS: Mapping[str, str] = {
    "header": "a part of the stream",
    "chunk": "a part of the stream: the body of REST",
    "trailer": "a part of the stream",
    "media_type": "the header Content-Type",
    "upload_id": "the address of an upload",
    "options": "groups the options",
    "filter": "groups the filters",
    "length_bytes": "the end of a range",
}

# Schemas of REST whose message has another name.
SCHEMAS: Mapping[str, str] = {
    "Speakers": "SpeakerCapability",
    "JobWarning": "Notice",
    "TranscriptionPage": "ListTranscriptionsResponse",
    "DeadLetterDetail": "DeadLetter",
    "DeadLetterPage": "ListDeadLettersResponse",
    "Redriven": "RedriveDeadLettersResponse",
    "OperatorActionPage": "ListOperatorActionsResponse",
    "StuckJobPage": "ListStuckJobsResponse",
    "SpeakerName": "RenameSpeakerRequest",
    "SpeakerLimits": "DiarizeAgainRequest",
}
# Schemas without a message, with what there is instead.
WITHOUT_MESSAGE: Mapping[str, str] = {"Problem": "the status of a call, with google.rpc details"}
# Enumerations of REST whose enum has another name.
ENUMS: Mapping[str, str] = {"State": "StageState"}

FIELDS: Mapping[str, str] = {"next_cursor": "next_page_token"}
# Fields of messages that the schema does not name, with the reason.
ONLY_GRPC: Mapping[str, Mapping[str, str]] = {
    "Model": dict.fromkeys(
        ("tier", "languages", "tasks", "model", "revision", "engine", "engine_version", "device", "compute_type", "max_audio_s"),
        "REST sends it as a further field, from the description of the model",
    ),
    "Notice": dict.fromkeys(("start_s", "duration_s"), "only of warnings; an error applies to the whole recording"),
    "DeadLetter": {"headers": "REST sends them of one dead letter only, as gRPC does"},
    "RenameSpeakerRequest": {"id": "in the address", "speaker": "in the address"},
    "DiarizeAgainRequest": {"id": "in the address", "request_id": "in a header"},
}  # fmt: skip
# Fields of the transcript document that no message has.
ONLY_REST: Mapping[str, str] = {
    "schema": "the version of the JSON; messages only get new fields",
    "text": "the texts of the segments, joined by a space where their languages have spaces",
}


def as_markdown() -> str:
    """The content of docs/api-parity.md."""
    return "\n".join((
        "# REST and gRPC",
        "",
        "Generated by `PYTHONPATH=tests python -m contract.api_parity`; edit `tests/contract/api_parity.py` instead. Tests compare it with the",
        "OpenAPI documents and with `proto/voicepipe/api/v1`, and send every request of status over both.",
        "",
        "Both have the same operations, options, fields, units and errors. A null of JSON is a field that is not set, a date a timestamp, a",
        "text such as `queued` an enum value such as `JOB_STATE_QUEUED`. HTTP 200 instead of 202 for a recording is `existing: true`.",
        "",
        "## Operations",
        "",
        *_table(("REST", "gRPC", "other names", "only REST"), _operations()),
        "",
        "## Messages",
        "",
        "A schema and its message have the same name and the same fields, but for these:",
        "",
        *_table(("REST", "gRPC"), _messages()),
        "",
    ))  # fmt: skip


def _operations() -> Iterator[tuple[str, ...]]:
    for rest, operation in OPERATIONS.items():
        methods = ", ".join(f"`{method}`" for method in operation.methods) or f"none: {operation.why}"
        renamed = ", ".join(f"`{old}`: `{new}`" for old, new in operation.parameters.items())
        without = "; ".join(f"`{name}`: {why}" for name, why in operation.without.items())
        yield f"`{rest}`", methods, renamed, without


def _messages() -> Iterator[tuple[str, ...]]:
    for schema, message in {**SCHEMAS, **ENUMS}.items():
        yield f"`{schema}`", f"`{message}`"
    for schema, instead in WITHOUT_MESSAGE.items():
        yield f"`{schema}`", instead
    for old, new in FIELDS.items():
        yield f"field `{old}`", f"`{new}`, empty on the last page"
    for name, why in ONLY_REST.items():
        yield f"field `{name}` of a transcript", f"none: {why}"
    for message, fields in ONLY_GRPC.items():
        reasons: dict[str, list[str]] = {}
        for name, why in fields.items():
            reasons.setdefault(why, []).append(f"`{name}`")
        for why, names in reasons.items():
            yield why, f"{', '.join(names)} of `{message}`"


def _table(names: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(row)} |".replace("  ", " ") for row in (names, ("---",) * len(names), *rows)]


if __name__ == "__main__":
    print(as_markdown(), end="")
