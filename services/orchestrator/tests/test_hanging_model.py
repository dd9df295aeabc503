"""A model that hangs behind a server that lives: it counts as away, and one that is only busy does not."""

import asyncio
import json
import struct
from uuid import uuid4

import grpc
import numpy as np
import pytest
from support.eventually import eventually_async
from tritonclient.grpc import service_pb2
from voicepipe_orchestrator.transcribe import triton_recognizer
from voicepipe_orchestrator.transcribe.fair_semaphore import FairSemaphore
from voicepipe_orchestrator.transcribe.model_watch import ModelWatch
from voicepipe_orchestrator.transcribe.triton_recognizer import TritonRecognizer, client
from voicepipe_wire.errors import Unavailable
from voicepipe_wire.storage import database
from voicepipe_wire.watchdog import HUNG

SECOND = np.zeros(16_000, np.int16)


class HangingServer:
    """A Triton that does not answer requests of the kinds in `hangs`, and counts all of them."""

    def __init__(self, *hangs: str):
        self.hangs = set(hangs)
        self.asked = dict.fromkeys(("describe", "detect"), 0)
        self._server = grpc.aio.server()
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        handlers = {"ModelInfer": grpc.unary_unary_rpc_method_handler(self._infer)}
        generic = grpc.method_handlers_generic_handler("inference.GRPCInferenceService", handlers)
        self._server.add_generic_rpc_handlers((generic,))

    async def __aenter__(self):
        await self._server.start()
        return self

    async def __aexit__(self, *_):
        await self._server.stop(0)
        del self._server  # it must be gone before the event loop, so nothing may refer to it in a circle

    async def _infer(self, request: bytes, _):
        (kind,) = (name for name in self.asked if f'"{name}"'.encode() in request)
        self.asked[kind] += 1
        while kind in self.hangs:
            await asyncio.sleep(0.01)
        payload = json.dumps({"probabilities": {"en": 1.0}, "languages": ["en"]}).encode()
        output = service_pb2.ModelInferResponse.InferOutputTensor(name="RESULT", datatype="BYTES", shape=[1, 1])
        contents = struct.pack("<I", len(payload)) + payload
        return service_pb2.ModelInferResponse(outputs=[output], raw_output_contents=[contents]).SerializeToString()

    def recognizer(self, timeout_s: float = 30.0) -> TritonRecognizer:
        return TritonRecognizer(client(f"127.0.0.1:{self.port}"), "accurate", FairSemaphore(4), timeout_s)


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(triton_recognizer, "DESCRIBE_TIMEOUT_S", 0.5)


def hung() -> float:
    return HUNG.labels("transcribe")._value.get()


async def test_a_model_that_answers_nothing_does_not_describe_itself():
    before = hung()
    async with HangingServer("describe", "detect") as server:
        with pytest.raises(Unavailable, match="accurate"):
            await server.recognizer().describe()
    assert hung() == before + 1


async def test_a_request_that_is_never_answered_ends_in_relation_to_its_audio(monkeypatch):
    monkeypatch.setattr(triton_recognizer, "TIMEOUT_PER_AUDIO", 0.1)
    before = hung()
    async with HangingServer("detect") as server:
        model = server.recognizer(timeout_s=0.2)
        requests = [asyncio.create_task(model.languages(np.tile(SECOND, times), uuid4())) for times in (1, 100)]
        done, pending = await asyncio.wait(requests, return_when=asyncio.FIRST_COMPLETED)
        assert (done, pending) == ({requests[0]}, {requests[1]})
        with pytest.raises(Unavailable):
            await requests[0]
        assert hung() == before + 1
        server.hangs.clear()
        assert await requests[1] == {"en": 1.0}


async def test_a_busy_model_is_asked_again_for_its_description_while_it_answers_others():
    before = hung()
    async with HangingServer("describe") as server:
        model = server.recognizer()
        describing = asyncio.create_task(model.describe())
        while server.asked["describe"] < 3:
            await model.languages(SECOND, uuid4())
        assert not describing.done()
        server.hangs.clear()
        assert (await describing)["languages"] == ["en"]
    assert hung() == before


async def test_a_worker_whose_model_hangs_is_not_ready_until_it_answers(settings):
    stop = asyncio.Event()
    async with HangingServer() as server, await database.connect(settings) as pool:
        watch = ModelWatch(pool, server.recognizer(), "accurate")
        watching = asyncio.create_task(watch.run(stop))
        await eventually_async(lambda: watch.is_ready)
        server.hangs.add("describe")
        await eventually_async(lambda: not watch.is_ready, 30)
        with pytest.raises(ConnectionError, match="does not answer"):
            await watch.check()
        server.hangs.clear()
        await eventually_async(lambda: watch.is_ready, 30)
        stop.set()
        await watching
