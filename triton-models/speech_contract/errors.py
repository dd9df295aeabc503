"""The errors of a single request. Every message starts with a stable code: `bad_params: beam must be ...`."""

from __future__ import annotations


class RequestError(Exception):
    """One request failed; the others of its batch are unaffected."""

    code = "model_failed"

    def __init__(self, message: str) -> None:
        super().__init__(f"{self.code}: {message}")


class BadParams(RequestError):
    """PARAMS violates the contract."""

    code = "bad_params"


class BadAudio(RequestError):
    """AUDIO and NUM_SAMPLES contradict each other."""

    code = "bad_audio"


class AudioTooLong(RequestError):
    """The chunk is longer than 30 s."""

    code = "audio_too_long"


class UnsupportedLanguage(RequestError):
    """The model does not know the language."""

    code = "unsupported_language"


class UnsupportedTask(RequestError):
    """The model cannot do the task."""

    code = "unsupported_task"


class Cancelled(RequestError):
    """The client no longer waits for the response."""

    code = "cancelled"


class ModelFailed(RequestError):
    """The engine raised for this chunk; the message names the exception."""
