"""Triton's requests to chunks, and results to responses. A request is one chunk, and fails independently of others."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
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
    """One request. `pcm`: int16 [samples] at 16 kHz, at most 30 s."""

    pcm: np.ndarray
    params: Params
    is_cancelled: Callable[[], bool] = lambda: False

    @property
    def duration_s(self) -> float:
        return len(self.pcm) / SAMPLE_RATE


class Recognizer(Protocol):
    def recognize(self, chunks: Sequence[Chunk]) -> list[Result | RequestError]:
        """One result or error per chunk, in order. A bad chunk is an error in the list, not an exception."""


def answer(
    requests: Sequence[Any], recognizer: Recognizer, pb_utils: Any, last_success: Path | None = None
) -> list[Any]:
    """One response per request, in order. A request that cannot be read or recognized gets an error response.

    `last_success`: a file that is touched after a success, for probe.py.
    """
    parsed = [_read(request, pb_utils) for request in requests]
    chunks = [chunk for chunk in parsed if isinstance(chunk, Chunk)]
    results = _recognize(recognizer, chunks)
    if last_success and any(not isinstance(result, RequestError) for result in results):
        _touch(last_success)
    remaining = iter(results)
    return [_response(next(remaining) if isinstance(item, Chunk) else item, pb_utils) for item in parsed]


def check(pcm: np.ndarray, num_samples: int) -> None:
    """Check the length of a chunk.

    Raises:
        BadAudio: the two tensors contradict each other.
        AudioTooLong: the chunk is longer than 30 s.
    """
    if len(pcm) != num_samples:
        raise BadAudio(f"NUM_SAMPLES says {num_samples}, AUDIO has {len(pcm)} samples")
    if len(pcm) > MAX_SAMPLES:
        raise AudioTooLong(f"the chunk has {len(pcm) / SAMPLE_RATE:.2f} s, but at most {MAX_AUDIO_S} s are allowed")


def _touch(file: Path) -> None:
    with suppress(OSError):  # the words matter more than a probe
        file.touch()


def _recognize(recognizer: Recognizer, chunks: list[Chunk]) -> list[Result | RequestError]:
    try:
        return recognizer.recognize(chunks) if chunks else []
    except Exception as error:  # noqa: BLE001 - leaving execute(), it would fail every request
        return [ModelFailed(f"{type(error).__name__}: {error}")] * len(chunks)


def _read(request: Any, pb_utils: Any) -> Chunk | RequestError:
    if request.is_cancelled():
        return Cancelled("the client disconnected before the model started")
    try:
        audio, num_samples, document = (_tensor(request, name, pb_utils) for name in ("AUDIO", "NUM_SAMPLES", "PARAMS"))
        if audio.shape[0] != 1 or num_samples.size != 1 or document.size != 1:
            raise BadAudio("a request must be one chunk: AUDIO [1, samples], NUM_SAMPLES [1, 1], PARAMS [1, 1]")
        raw = document.reshape(-1)[0]
        if not isinstance(raw, bytes):
            raise BadParams("PARAMS must be bytes")
        params = parse(raw)
        pcm = audio.reshape(-1)
        check(pcm, int(num_samples.reshape(-1)[0]))
    except RequestError as error:
        return error
    return Chunk(pcm, params, request.is_cancelled)


def _tensor(request: Any, name: str, pb_utils: Any) -> np.ndarray:
    return np.asarray(pb_utils.get_input_tensor_by_name(request, name).as_numpy())


def _response(result: Result | RequestError, pb_utils: Any) -> Any:
    if isinstance(result, RequestError):
        return pb_utils.InferenceResponse(error=pb_utils.TritonError(str(result), _status(result, pb_utils)))
    raw = json.dumps(result, ensure_ascii=False).encode()
    tensor = pb_utils.Tensor("RESULT", np.array([[raw]], dtype=np.object_))
    return pb_utils.InferenceResponse(output_tensors=[tensor])


def _status(error: RequestError, pb_utils: Any) -> Any:
    """The gRPC status. A client may retry after INTERNAL, but not after INVALID_ARG."""
    if isinstance(error, Cancelled):
        return pb_utils.TritonError.CANCELLED
    if isinstance(error, ModelFailed):
        return pb_utils.TritonError.INTERNAL
    return pb_utils.TritonError.INVALID_ARG
