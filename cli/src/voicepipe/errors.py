"""What can go wrong for somebody who uses a Voicepipe server. Each message says what happened and what to do."""

from __future__ import annotations


class VoicepipeError(Exception):
    """The root of all errors of this client. `code` is stable and for programs, the message is for people."""

    code = "error"


class ApiError(VoicepipeError):
    """The server refused; `code` and `detail` are its own. `status` is that of HTTP."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


class ServerUnavailable(VoicepipeError):
    """The server did not answer, or answered that it cannot, for as long as the client was told to be patient."""

    code = "server_unavailable"

    def __init__(self, base_url: str, reason: str, waited_s: float) -> None:
        super().__init__(
            f"The server {base_url} cannot be used: {reason}. Tried for {waited_s:.0f} s. "
            "Check the address and whether it runs, then try again."
        )
        self.reason = reason
        self.waited_s = waited_s


class UnexpectedAnswer(VoicepipeError):
    """Something answered, but not as a Voicepipe server does."""

    code = "unexpected_answer"

    def __init__(self, base_url: str, what: str) -> None:
        super().__init__(f"{base_url} did not answer like a Voicepipe server: {what}. Check the address.")


class UnknownOutcome(VoicepipeError):
    """A request was sent and its answer was lost: it may have been carried out."""

    code = "unknown_outcome"

    def __init__(self, base_url: str, reason: str) -> None:
        super().__init__(f"{base_url} may have done it, but its answer was lost: {reason}. Look before you try again.")


class NoSuchSpeaker(VoicepipeError):
    """Nobody, or more than one, is called that; the message lists who there is."""

    code = "speaker_not_found"


class NoSpeakers(VoicepipeError):
    """The latest transcript does not say who speaks."""

    code = "no_speakers"

    def __init__(self) -> None:
        super().__init__("The transcript does not say who speaks. To tell speakers apart: voicepipe diarize ID")


class Deleted(VoicepipeError):
    """The transcription was deleted while it was followed."""

    code = "deleted"

    def __init__(self) -> None:
        super().__init__("This transcription was deleted while it was followed.")


class InvalidFile(VoicepipeError):
    """The recording cannot be read, is empty, or changed while it was sent."""

    code = "invalid_file"


class InvalidSettings(VoicepipeError):
    """The address or the key of the server is missing or makes no sense."""

    code = "invalid_settings"
