"""The adapter to the speech model behind a Triton server, over asynchronous gRPC."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import structlog
import tritonclient.grpc.aio as triton
from prometheus_client import Histogram
from tritonclient.utils import InferenceServerException
from voicepipe_wire import telemetry
from voicepipe_wire.errors import Dependency, Reject, Unavailable
from voicepipe_wire.failures import Breaker, Kind, kind_of_grpc_status
from voicepipe_wire.watchdog import HUNG

from voicepipe_orchestrator.domain import SAMPLE_RATE, Recognition, Word
from voicepipe_orchestrator.ports import Pcm, RecognitionRequest

from .fair_semaphore import FairSemaphore

log = structlog.get_logger(__name__)

BATCH_SIZE = Histogram(
    "voicepipe_model_batch_size", "Requests in one batch of the model", ["model"], buckets=range(1, 33)
)
REQUEST_DURATION = Histogram(
    "voicepipe_model_request_duration_seconds", "Time until the model answers a request", ["model"]
)

HUNG.labels("transcribe")  # exported as 0 from the start: Prometheus cannot see the first increase of a new series

# The name of the model in every pool; the pools differ in its weights.
MODEL = "whisper"

# A dead server is detected by keepalives. These timeouts detect a model that hangs behind a server that lives. A request has a
# constant, for those before it, and this multiple of its audio: enough for a large model on a slow machine.
REQUEST_TIMEOUT_S, TIMEOUT_PER_AUDIO = 120.0, 20.0
# Requests that are being worked on may take longer. The model hangs if it has not answered any of them either.
DESCRIBE_TIMEOUT_S = 60.0
# Codes with which the model rejects a request for good.
REJECTIONS = ("bad_params", "bad_audio", "audio_too_long", "unsupported_language", "unsupported_task")
# With this code it says that it broke at this input.
MODEL_FAILED = "model_failed"
KEEPALIVE = triton.KeepAliveOptions(
    keepalive_time_ms=20_000, keepalive_timeout_ms=10_000, http2_max_pings_without_data=0
)


def client(address: str) -> triton.InferenceServerClient:
    """A client that spreads its requests over all addresses of a `dns:///` name, and notices a dead server."""
    options = [("grpc.lb_policy_name", "round_robin"), ("grpc.dns_min_time_between_resolutions_ms", 5000)]
    return triton.InferenceServerClient(address, keepalive_options=KEEPALIVE, channel_args=options)


class TritonRecognizer:
    """The `Recognizer` port on the Triton of one pool. `semaphore` limits the requests in flight, `timeout_s` their time."""

    def __init__(
        self,
        client: triton.InferenceServerClient,
        pool: str,
        semaphore: FairSemaphore,
        timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> None:
        self._client = client
        self._pool = pool
        self._semaphore = semaphore
        self._timeout_s = timeout_s
        self._answered_s = 0.0
        self._breaker = Breaker(Dependency.SPEECH_MODEL)

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
        result = await self._work_on(audio, parameters, request.job_id)
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

    async def languages(self, audio: Pcm, job_id: UUID) -> Mapping[str, float]:
        result = await self._work_on(audio, {"op": "detect"}, job_id)
        return {str(code): float(probability) for code, probability in result["probabilities"].items()}

    async def describe(self) -> Mapping[str, Any]:
        # Not behind the requests that wait here: the question is whether the server answers.
        silence = np.zeros(SAMPLE_RATE, np.int16)
        while True:
            asked_s = time.monotonic()
            try:
                result = await self._infer(silence, {"op": "describe"}, DESCRIBE_TIMEOUT_S)
            except Unavailable:
                if time.monotonic() - asked_s < DESCRIBE_TIMEOUT_S:
                    raise
                if self._answered_s < asked_s:
                    self._note_hang("describe", DESCRIBE_TIMEOUT_S)
                    raise
                # It was busy: it has answered others meanwhile.
            else:
                return {key: value for key, value in result.items() if key != "timings"}

    async def _work_on(self, audio: Pcm, parameters: Mapping[str, Any], job_id: UUID) -> dict[str, Any]:
        timeout_s = self._timeout_s + len(audio) / SAMPLE_RATE * TIMEOUT_PER_AUDIO
        async with self._semaphore.slot(job_id):
            asked_s = time.monotonic()
            try:
                return await self._infer(audio, parameters, timeout_s)
            except Unavailable:
                if time.monotonic() - asked_s >= timeout_s:
                    self._note_hang(parameters["op"], timeout_s)
                raise

    def _note_hang(self, op: str, timeout_s: float) -> None:
        HUNG.labels("transcribe").inc()
        log.error("model hangs", pool=self._pool, op=op, no_answer_for_s=timeout_s)

    async def _infer(self, audio: Pcm, parameters: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        inputs = [
            _tensor("AUDIO", audio.reshape(1, -1), "INT16"),
            _tensor("NUM_SAMPLES", np.array([[len(audio)]], np.int32), "INT32"),
            _tensor("PARAMS", np.array([[json.dumps(parameters).encode()]], np.object_), "BYTES"),
        ]
        with (
            telemetry.span("triton infer", model=self._pool, op=parameters["op"]),
            REQUEST_DURATION.labels(self._pool).time(),
            self._breaker.call(),
        ):
            try:
                answer = await self._client.infer(MODEL, inputs, client_timeout=timeout_s)
            except InferenceServerException as error:
                raise self._to_domain_error(error) from error
        self._answered_s = time.monotonic()
        result: dict[str, Any] = json.loads(answer.as_numpy("RESULT").reshape(-1)[0])
        if batch := result.get("timings", {}).get("batch_size"):
            BATCH_SIZE.labels(self._pool).observe(batch)
        return result

    def _to_domain_error(self, error: InferenceServerException) -> Exception:
        """The `Reject` or `Unavailable` that an error of the server means; any other error is a bug.

        The model puts a code of its own before its message. INTERNAL without one comes from Triton: an instance of the model has lost
        its process, and only a restart of the server brings it back. The chunk did not cause that.
        """
        status, message = (error.status() or "").rpartition(".")[2], error.message() or ""
        code, _, reason = (part.strip() for part in message.partition(":"))
        if code in REJECTIONS:
            return Reject.of(code, reason=reason.rstrip("."))
        if code != MODEL_FAILED and kind_of_grpc_status(status) is Kind.UNAVAILABLE:
            return Unavailable(
                Dependency.SPEECH_MODEL, f"the model of {self._pool} does not answer: {status} {message}"[:200]
            )
        return RuntimeError(f"the model failed: {status} {code[:200]}")


def _tensor(name: str, data: npt.NDArray[Any], kind: str) -> triton.InferInput:
    tensor = triton.InferInput(name, list(data.shape), kind)
    tensor.set_data_from_numpy(data)
    return tensor
