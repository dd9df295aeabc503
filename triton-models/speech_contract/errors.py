"""The errors of one request. The code is the stable prefix of the message: `bad_params: beam must be ...`."""

from __future__ import annotations


class RequestError(Exception):
    """A request that can not be answered, while the others of its batch can."""

    code = "model_failed"

    def __init__(self, message: str) -> None:
        super().__init__(f"{self.code}: {message}")


class BadParams(RequestError):
    """PARAMS is not what the contract says."""

    code = "bad_params"


class BadAudio(RequestError):
    """AUDIO and NUM_SAMPLES contradict each other."""

    code = "bad_audio"


class AudioTooLong(RequestError):
    """A chunk is at most 30 s."""

    code = "audio_too_long"


class UnsupportedLanguage(RequestError):
    """The model does not know the language."""

    code = "unsupported_language"


class UnsupportedTask(RequestError):
    """The model does not do the task."""

    code = "unsupported_task"


class Cancelled(RequestError):
    """The client does not wait for the answer any more."""

    code = "cancelled"


class ModelFailed(RequestError):
    """The engine raised, for this chunk alone; the message names the exception."""
