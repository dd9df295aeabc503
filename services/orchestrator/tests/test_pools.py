"""Pools of speech models: which there are, which of them answer, and who is asked."""

from uuid import uuid4

import numpy as np
import pytest
import tritonclient.grpc.aio as triton_client
from pydantic import ValidationError
from voicepipe_orchestrator.ports import RecognitionRequest
from voicepipe_orchestrator.settings import Settings, addresses_of_pools
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


def test_the_setting_names_each_pool_with_its_address():
    read = addresses_of_pools("accurate=127.0.0.1:8001, fast=triton-fast.voicepipe:8001")
    assert read == {"accurate": "127.0.0.1:8001", "fast": "triton-fast.voicepipe:8001"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "''"),
        ("127.0.0.1:8001", "like accurate=HOST:PORT"),
        ("accurate=", "like accurate=HOST:PORT"),
        ("accurate=triton", "like accurate=HOST:PORT"),
        ("accurate=:8001", "like accurate=HOST:PORT"),
        ("accurate=a:1,", "''"),
        ("accurate=a:1,accurate=b:1", "two addresses"),
    ],
)
def test_a_setting_that_cannot_be_read_is_refused_at_the_start(text, says):
    with pytest.raises(ValidationError, match=says):
        Settings(database_url="postgresql://", s3_access_key="k", s3_secret_key="s", triton_urls=text)


async def test_a_pool_that_does_not_answer_hides_no_other(triton, free_port):
    described = await recognizer(accurate=f"127.0.0.1:{free_port}", fast=triton).describe()
    assert list(described) == ["fast"]
    assert described["fast"]["engine"] == "ctranslate2"
    assert "timings" not in described["fast"]


async def test_without_any_pool_that_answers_the_worker_tries_again_later(free_port):
    with pytest.raises(RetryLater, match="accurate"):
        await recognizer(accurate=f"127.0.0.1:{free_port}").describe()


async def test_each_chunk_goes_to_the_pool_of_its_job(triton, free_port):
    pools = recognizer(accurate=f"127.0.0.1:{free_port}", fast=triton)
    assert (await pools.recognize(SECOND, request("fast"))).words == ()
    assert await pools.languages(SECOND, "fast", uuid4())
    with pytest.raises(RetryLater, match="accurate"):
        await pools.recognize(SECOND, request("accurate"))


async def test_a_pool_that_no_setting_names_is_waited_for_and_then_given_up(triton):
    with pytest.raises(RetryLater):
        await recognizer(accurate=triton).recognize(SECOND, request("fast"))
    impatient = recognizer(wait_timeout_s=-1.0, accurate=triton)
    with pytest.raises(Reject) as caught:
        await impatient.recognize(SECOND, request("fast"))
    assert caught.value.code == "model_gone"
