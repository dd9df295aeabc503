"""The speech model behind Triton: its description, its answers, and what its errors mean."""

from uuid import uuid4

import numpy as np
import pytest
from voicepipe_orchestrator.ports import RecognitionRequest
from voicepipe_orchestrator.transcribe.fair_semaphore import FairSemaphore
from voicepipe_orchestrator.transcribe.fallback import FALLBACKS
from voicepipe_orchestrator.transcribe.triton_recognizer import TritonRecognizer, client
from voicepipe_wire.errors import RetryLater

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
        with pytest.raises(RetryLater, match="accurate"):
            await call
