"""The exit codes of the `voicepipe` command."""

from __future__ import annotations

from enum import IntEnum
from http import HTTPStatus
from typing import Final

from .errors import (
    ApiError,
    Deleted,
    NoSuchSpeaker,
    ServerUnavailable,
    UnexpectedAnswer,
    UnknownOutcome,
    VoicepipeError,
)


class ExitCode(IntEnum):
    OK = 0
    NO_TRANSCRIPT = 1
    BAD_INPUT = 2
    NOT_AUTHORISED = 3
    NOT_FOUND = 4
    SERVER_UNAVAILABLE = 5
    INTERRUPTED = 130


MEANINGS: Final = {
    ExitCode.OK: "done",
    ExitCode.NO_TRANSCRIPT: "no transcript: the job failed, was cancelled or deleted, or (get) is not finished",
    ExitCode.BAD_INPUT: "wrong usage, settings or recording, or the server refused the request",
    ExitCode.NOT_AUTHORISED: "the API key is unknown, or not allowed to do this",
    ExitCode.NOT_FOUND: "no such transcription, speaker or dead letter",
    ExitCode.SERVER_UNAVAILABLE: "the server did not answer, gave an unexpected answer, or is partly unavailable",
    ExitCode.INTERRUPTED: "interrupted with Ctrl-C",
}


def code_of(error: VoicepipeError) -> ExitCode:
    match error:
        case Deleted():
            return ExitCode.NO_TRANSCRIPT
        case ServerUnavailable() | UnexpectedAnswer() | UnknownOutcome():
            return ExitCode.SERVER_UNAVAILABLE
        case ApiError(status=status) if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return ExitCode.SERVER_UNAVAILABLE
        case ApiError(status=HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN):
            return ExitCode.NOT_AUTHORISED
        case NoSuchSpeaker() | ApiError(status=HTTPStatus.NOT_FOUND | HTTPStatus.GONE):
            return ExitCode.NOT_FOUND
        case _:
            return ExitCode.BAD_INPUT
