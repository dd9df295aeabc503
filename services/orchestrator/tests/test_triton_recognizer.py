"""Pools of speech models behind Triton: which of them are described, and where each request goes."""

from uuid import uuid4

import numpy as np
import pytest
import tritonclient.grpc.aio as triton_client
from voicepipe_orchestrator.ports import RecognitionRequest
from voicepipe_orchestrator.transcribe.fair_semaphore import FairSemaphore
from voicepipe_orchestrator.transcribe.fallback import FALLBACKS
from voicepipe_orchestrator.transcribe.triton_recognizer import TritonRecognizer
from voicepipe_wire.errors import Reject, RetryLater

SECOND = np.zeros(16_000, np.int16)


def recognizer(wait_timeout_s=600.0, **addresses):
    pools = {pool: triton_client.InferenceServerClient(address) for pool, address in addresses.items()}
    return TritonRecognizer(pools, FairSemaphore(4), model_wait_timeout_s=wait_timeout_s)


def request(pool):
    return RecognitionRequest(uuid4(), pool, FALLBACKS[0], None, "transcribe", None)


async def test_an_unreachable_pool_does_not_hide_the_others(triton, free_port):
    described = await recognizer(accurate=f"127.0.0.1:{free_port}", fast=triton).describe()
    assert list(described) == ["fast"]
    assert described["fast"]["engine"] == "ctranslate2"
    assert "timings" not in described["fast"]


async def test_describe_raises_retry_later_if_no_pool_is_reachable(free_port):
    with pytest.raises(RetryLater, match="accurate"):
        await recognizer(accurate=f"127.0.0.1:{free_port}").describe()


async def test_each_request_goes_to_the_pool_that_it_names(triton, free_port):
    pools = recognizer(accurate=f"127.0.0.1:{free_port}", fast=triton)
    assert (await pools.recognize(SECOND, request("fast"))).words == ()
    assert await pools.languages(SECOND, "fast", uuid4())
    with pytest.raises(RetryLater, match="accurate"):
        await pools.recognize(SECOND, request("accurate"))


async def test_an_unknown_pool_is_retried_until_the_wait_timeout_and_then_rejected(triton):
    with pytest.raises(RetryLater):
        await recognizer(accurate=triton).recognize(SECOND, request("fast"))
    no_wait = recognizer(wait_timeout_s=-1.0, accurate=triton)
    with pytest.raises(Reject) as caught:
        await no_wait.recognize(SECOND, request("fast"))
    assert caught.value.code == "model_gone"
