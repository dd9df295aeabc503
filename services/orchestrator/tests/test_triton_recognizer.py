"""The speech model behind Triton: its description, its answers, and what its errors mean."""

from uuid import uuid4

import grpc
import numpy as np
import pytest
from voicepipe_orchestrator.ports import RecognitionRequest
from voicepipe_orchestrator.transcribe.fair_semaphore import FairSemaphore
from voicepipe_orchestrator.transcribe.fallback import FALLBACKS
from voicepipe_orchestrator.transcribe.triton_recognizer import TritonRecognizer, client
from voicepipe_wire.errors import Reject, Unavailable
from voicepipe_wire.failures import Kind, classify, kind_of_grpc_status

SECOND = np.zeros(16_000, np.int16)


def recognizer(address):
    return TritonRecognizer(client(address), "accurate", FairSemaphore(4))


def request():
    return RecognitionRequest(uuid4(), FALLBACKS[0], None, "transcribe", None)


async def test_the_model_describes_itself(triton):
    described = await recognizer(triton).describe()
    assert described["engine"] == "ctranslate2"
    assert "timings" not in described


async def test_the_address_may_be_a_name_that_is_resolved(triton):
    assert await recognizer(f"dns:///localhost:{triton.rpartition(':')[2]}").describe()


async def test_silence_has_no_words_and_probabilities_of_languages(triton):
    model = recognizer(triton)
    assert (await model.recognize(SECOND, request())).words == ()
    assert await model.languages(SECOND, uuid4())


async def test_an_unreachable_server_is_tried_again_later(free_port):
    model = recognizer(f"127.0.0.1:{free_port}")
    for call in (model.describe(), model.recognize(SECOND, request()), model.languages(SECOND, uuid4())):
        with pytest.raises(Unavailable, match="accurate"):
            await call


class CountingServer:
    """A Triton that rejects every request, and counts them."""

    def __init__(self, status=grpc.StatusCode.INVALID_ARGUMENT, message="bad_audio: too loud"):
        self.requests = 0
        self.server = grpc.aio.server()
        self.port = self.server.add_insecure_port("127.0.0.1:0")

        async def infer(_, context):
            self.requests += 1
            await context.abort(status, message)

        handlers = {"ModelInfer": grpc.unary_unary_rpc_method_handler(infer)}
        self.server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("inference.GRPCInferenceService", handlers),)
        )


@pytest.mark.parametrize("status", [each for each in grpc.StatusCode if each is not grpc.StatusCode.OK])
@pytest.mark.parametrize(
    ("message", "kinds"),
    [
        ("bad_audio: too loud", {Kind.REJECTED}),
        ("model_failed: RuntimeError: the engine broke", {Kind.BUG}),
        # A code counts only where the model puts it: first.
        ("in ensemble 'x', bad_audio: too loud", {Kind.UNAVAILABLE, Kind.BUG}),
        ("Stub process 'whisper_0_0' is not healthy.", {Kind.UNAVAILABLE, Kind.BUG}),
    ],
)
async def test_the_code_that_the_model_puts_first_decides_else_the_status(status, message, kinds):
    server = CountingServer(status, message)
    await server.server.start()
    with pytest.raises(Exception) as raised:  # noqa: PT011 - judged below
        await recognizer(f"127.0.0.1:{server.port}").describe()
    await server.server.stop(0)
    expected = kinds if len(kinds) == 1 else {kind_of_grpc_status(status.name)}
    assert {classify(raised.value)} == expected


async def test_requests_are_spread_over_all_addresses_of_an_external_triton():
    servers = [CountingServer(), CountingServer()]
    for each in servers:
        await each.server.start()
    model = recognizer("ipv4:" + ",".join(f"127.0.0.1:{each.port}" for each in servers))
    for _ in range(20):
        with pytest.raises(Reject):
            await model.describe()
    assert min(each.requests for each in servers) >= 5
    for each in servers:
        await each.server.stop(0)
