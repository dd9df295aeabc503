"""From Triton's requests to chunks, and from results to responses. One request is one chunk; each fails alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .errors import AudioTooLong, BadAudio, BadParams, Cancelled, ModelFailed, RequestError
from .params import Params, parse

SAMPLE_RATE = 16_000
MAX_AUDIO_S = 30
MAX_SAMPLES = MAX_AUDIO_S * SAMPLE_RATE

Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chunk:
    """One request: int16 samples at 16 kHz, at most 30 s, and what to do with them."""

    pcm: np.ndarray
    params: Params
    is_cancelled: Callable[[], bool] = lambda: False

    @property
    def duration_s(self) -> float:
        return len(self.pcm) / SAMPLE_RATE


class Recognizer(Protocol):
    def recognize(self, chunks: Sequence[Chunk]) -> list[Result | RequestError]:
        """One result or error per chunk, in order. Raises nothing for a single bad chunk."""


def answer(requests: Sequence[Any], recognizer: Recognizer, pb_utils: Any) -> list[Any]:
    """One response per request, in order. A request that can not be read or recognized gets an error of its own."""
    read = [_read(request, pb_utils) for request in requests]
    chunks = [chunk for chunk in read if isinstance(chunk, Chunk)]
    results = iter(_recognized(recognizer, chunks))
    return [_response(next(results) if isinstance(item, Chunk) else item, pb_utils) for item in read]


def check(pcm: np.ndarray, num_samples: int) -> None:
    """BadAudio or AudioTooLong where the two tensors are not one chunk."""
    if len(pcm) != num_samples:
        raise BadAudio(f"NUM_SAMPLES says {num_samples}, AUDIO has {len(pcm)} samples")
    if len(pcm) > MAX_SAMPLES:
        raise AudioTooLong(f"{len(pcm) / SAMPLE_RATE:.2f} s, a chunk is at most {MAX_AUDIO_S} s")


def _recognized(recognizer: Recognizer, chunks: list[Chunk]) -> list[Result | RequestError]:
    try:
        return recognizer.recognize(chunks) if chunks else []
    except Exception as error:  # noqa: BLE001 - an exception that leaves execute() fails requests that Triton never blames
        return [ModelFailed(f"{type(error).__name__}: {error}")] * len(chunks)


def _read(request: Any, pb_utils: Any) -> Chunk | RequestError:
    if request.is_cancelled():
        return Cancelled("the client went away before the model began")
    try:
        audio, num_samples, params = (_tensor(request, name, pb_utils) for name in ("AUDIO", "NUM_SAMPLES", "PARAMS"))
        if audio.shape[0] != 1 or num_samples.size != 1 or params.size != 1:
            raise BadAudio("a request is one chunk: AUDIO [1, samples], NUM_SAMPLES [1, 1], PARAMS [1, 1]")
        raw = params.reshape(-1)[0]
        if not isinstance(raw, bytes):
            raise BadParams("PARAMS must be bytes")
        wishes = parse(raw)
        pcm = audio.reshape(-1)
        check(pcm, int(num_samples.reshape(-1)[0]))
    except RequestError as error:
        return error
    return Chunk(pcm, wishes, request.is_cancelled)


def _tensor(request: Any, name: str, pb_utils: Any) -> np.ndarray:
    return np.asarray(pb_utils.get_input_tensor_by_name(request, name).as_numpy())


def _response(result: Result | RequestError, pb_utils: Any) -> Any:
    if isinstance(result, RequestError):
        return pb_utils.InferenceResponse(error=pb_utils.TritonError(str(result), _status(result, pb_utils)))
    raw = json.dumps(result, ensure_ascii=False).encode()
    tensor = pb_utils.Tensor("RESULT", np.array([[raw]], dtype=np.object_))
    return pb_utils.InferenceResponse(output_tensors=[tensor])


def _status(error: RequestError, pb_utils: Any) -> Any:
    """The gRPC status: a caller may retry INTERNAL, never INVALID_ARG."""
    if isinstance(error, Cancelled):
        return pb_utils.TritonError.CANCELLED
    if isinstance(error, ModelFailed):
        return pb_utils.TritonError.INTERNAL
    return pb_utils.TritonError.INVALID_ARG
