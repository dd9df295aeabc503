"""The adapter to speech models behind Triton, over asynchronous gRPC."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import tritonclient.grpc.aio as triton
from prometheus_client import Histogram
from tritonclient.utils import InferenceServerException
from voicepipe_wire import telemetry
from voicepipe_wire.errors import Reject, RetryLater

from voicepipe_orchestrator.domain import SAMPLE_RATE, Recognition, Word
from voicepipe_orchestrator.ports import Pcm, RecognitionRequest

from .fair_semaphore import FairSemaphore

BATCH_SIZE = Histogram(
    "voicepipe_model_batch_size", "Requests in one batch of the model", ["model"], buckets=range(1, 33)
)
REQUEST_DURATION = Histogram(
    "voicepipe_model_request_duration_seconds", "Time until the model answers a request", ["model"]
)

# The name of the model in every pool; the pools differ in its weights.
MODEL = "whisper"

RETRY_DELAY_S = 2.0
# Enough for a batch of long chunks on a slow machine. A dead server is detected by keepalives, not by this timeout.
REQUEST_TIMEOUT_S = 900.0
# Codes with which the model rejects a request for good.
PERMANENT_ERRORS = ("bad_params", "bad_audio", "audio_too_long", "unsupported_language", "unsupported_task")
KEEPALIVE = triton.KeepAliveOptions(
    keepalive_time_ms=20_000, keepalive_timeout_ms=10_000, http2_max_pings_without_data=0
)


class TritonRecognizer:
    """The `Recognizer` port on pools of Triton servers, one client each.

    `semaphore` limits the requests in flight to all pools.
    """

    def __init__(
        self, pools: Mapping[str, triton.InferenceServerClient], semaphore: FairSemaphore, model_wait_timeout_s: float
    ) -> None:
        self._pools = dict(pools)
        self._semaphore = semaphore
        self._wait_timeout_s = model_wait_timeout_s
        self._missing_since: dict[str, float] = {}

    async def recognize(self, audio: Pcm, request: RecognitionRequest) -> Recognition:
        parameters = {
            "op": "transcribe",
            "language": request.language,
            "switch_above": request.switch_above,
            "task": request.task,
            "prompt": request.prompt,
            "beam": request.attempt.beam,
            "temperature": request.attempt.temperature,
            "timestamps": request.attempt.timestamps,
            "suppress_blank": request.attempt.suppress_blank,
            "word_timestamps": True,
        }
        result = await self._infer(request.model, audio, parameters, request.job_id)
        return Recognition(
            text=result["text"],
            words=tuple(Word(start, end, text, probability) for start, end, text, probability in result["words"]),
            language=result["language"],
            avg_logprob=result["avg_logprob"],
            no_speech_prob=result["no_speech_prob"],
            compression_ratio=result["compression_ratio"],
            truncated=result["truncated"],
            language_probability=result["language_probability"],
            languages=result.get("probabilities", {}),
        )

    async def languages(self, audio: Pcm, model: str, job_id: UUID) -> Mapping[str, float]:
        result = await self._infer(model, audio, {"op": "detect"}, job_id)
        return {str(code): float(probability) for code, probability in result["probabilities"].items()}

    async def describe(self) -> Mapping[str, Mapping[str, Any]]:
        answers = await asyncio.gather(*(self._describe(pool) for pool in self._pools), return_exceptions=True)
        served: dict[str, Mapping[str, Any]] = {}
        unavailable: list[RetryLater] = []
        for pool, answer in zip(self._pools, answers, strict=True):
            if isinstance(answer, RetryLater):
                unavailable.append(answer)
            elif isinstance(answer, BaseException):
                raise answer
            elif answer is not None:
                served[pool] = answer
        if unavailable and not served:
            raise unavailable[0]
        return served

    async def _describe(self, pool: str) -> Mapping[str, Any] | None:
        """The model's description of itself, None while the server has not loaded it."""
        try:
            if not await self._pools[pool].is_model_ready(MODEL):
                return None
        except InferenceServerException as error:
            raise _unavailable(pool, error) from error
        result = await self._infer(pool, np.zeros(SAMPLE_RATE, np.int16), {"op": "describe"}, None)
        return {key: value for key, value in result.items() if key != "timings"}

    async def _infer(self, pool: str, audio: Pcm, parameters: Mapping[str, Any], job_id: UUID | None) -> dict[str, Any]:
        if pool not in self._pools:
            raise self._pool_missing(pool)
        inputs = [
            _tensor("AUDIO", audio.reshape(1, -1), "INT16"),
            _tensor("NUM_SAMPLES", np.array([[len(audio)]], np.int32), "INT32"),
            _tensor("PARAMS", np.array([[json.dumps(parameters).encode()]], np.object_), "BYTES"),
        ]
        async with self._semaphore.slot(job_id):
            with telemetry.span("triton infer", model=pool, op=parameters["op"]), REQUEST_DURATION.labels(pool).time():
                try:
                    answer = await self._pools[pool].infer(MODEL, inputs, client_timeout=REQUEST_TIMEOUT_S)
                except InferenceServerException as error:
                    raise self._to_domain_error(pool, error) from error
        self._missing_since.pop(pool, None)
        result: dict[str, Any] = json.loads(answer.as_numpy("RESULT").reshape(-1)[0])
        if batch := result.get("timings", {}).get("batch_size"):
            BATCH_SIZE.labels(pool).observe(batch)
        return result

    def _to_domain_error(self, pool: str, error: InferenceServerException) -> Exception:
        """The `Reject` or `RetryLater` that an error of the server means; any other error is a bug."""
        status, message = error.status() or "", error.message() or ""
        code = message.partition(":")[0].strip()
        for error_code in PERMANENT_ERRORS:
            if error_code in message:
                return Reject.of(error_code, reason=message.partition(error_code)[2].strip(": ."))
        if "unknown model" in message or "is not ready" in message or "NOT_FOUND" in status:
            return self._pool_missing(pool)
        # An instance of the model has lost its process. The server has to be restarted; the chunk did not cause this.
        if "is not healthy" in message:
            return _unavailable(pool, error)
        if any(name in status for name in ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED")):
            return _unavailable(pool, error)
        return RuntimeError(f"the model failed: {status} {code[:200]}")

    def _pool_missing(self, pool: str) -> Exception:
        """The error for a pool that is not configured or not ready: retried until the wait timeout."""
        since_s = self._missing_since.setdefault(pool, time.monotonic())
        if time.monotonic() - since_s > self._wait_timeout_s:
            return Reject.of("model_gone")
        return RetryLater(RETRY_DELAY_S, f"model {pool} is not served at present")


def _tensor(name: str, data: npt.NDArray[Any], kind: str) -> triton.InferInput:
    tensor = triton.InferInput(name, list(data.shape), kind)
    tensor.set_data_from_numpy(data)
    return tensor


def _unavailable(pool: str, error: Exception) -> RetryLater:
    return RetryLater(RETRY_DELAY_S, f"the Triton server of {pool} does not answer: {type(error).__name__}")
