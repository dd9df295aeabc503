"""The errors of the client. Each message says what happened and what to do."""

from __future__ import annotations


class VoicepipeError(Exception):
    """The base class. `code` is stable and for programs, the message is for people."""

    code = "error"


class ApiError(VoicepipeError):
    """The server refused the request. `status` is the HTTP status; `code` and `detail` come from the server."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


class ServerUnavailable(VoicepipeError):
    """The server could not be reached, or answered 429 or 5xx, on every try."""

    code = "server_unavailable"

    def __init__(self, base_url: str, reason: str, waited_s: float) -> None:
        super().__init__(
            f"The server {base_url} is unavailable: {reason}. Tried for {waited_s:.0f} s. "
            "Check the address and that the server is running, then try again."
        )
        self.reason = reason
        self.waited_s = waited_s


class UnexpectedAnswer(VoicepipeError):
    """Something answered that is not a Voicepipe server, or not a compatible one."""

    code = "unexpected_answer"

    def __init__(self, base_url: str, what: str) -> None:
        super().__init__(f"{base_url} does not respond like a Voicepipe server: {what}. Check the address.")


class UnknownOutcome(VoicepipeError):
    """A request was sent and its answer was lost, so it may have been carried out."""

    code = "unknown_outcome"

    def __init__(self, base_url: str, reason: str) -> None:
        super().__init__(
            f"{base_url} may have carried out the request, but its answer was lost: {reason}. "
            "Check before you try again."
        )


class NoSuchSpeaker(VoicepipeError):
    """The reference matches no speaker, or more than one; the message lists the candidates."""

    code = "speaker_not_found"


class NoSpeakers(VoicepipeError):
    """The latest transcript has no speakers."""

    code = "no_speakers"

    def __init__(self) -> None:
        super().__init__("The transcript has no speakers. To tell speakers apart: voicepipe diarize ID")


class Deleted(VoicepipeError):
    """The transcription was deleted while it was followed."""

    code = "deleted"

    def __init__(self) -> None:
        super().__init__("This transcription was deleted while it was being followed.")


class InvalidFile(VoicepipeError):
    """A file cannot be read or written, is empty, or changed while it was sent."""

    code = "invalid_file"


class InvalidSettings(VoicepipeError):
    """The address of the server or the API key is missing or malformed."""

    code = "invalid_settings"
