"""The contract of the speech models with the orchestrator, on a real Triton."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from statistics import mean, median

import numpy as np
import pytest
import tritonclient.grpc.aio as triton_client
from fixtures.meeting import compose, noise, sentence, silence
from tritonclient.utils import InferenceServerException

MAX_BATCH = 8
WORDS = ["call", "alpha", "bravo", "before", "charlie", "answer"]


class Model:
    def __init__(self, client, name):
        self.client, self.name = client, name

    async def infer(self, pcm, *, num_samples=None, raw=None, **params):
        answer = await self.client.infer(self.name, _inputs(pcm, num_samples, raw or json.dumps(params).encode()))
        assert answer.as_numpy("RESULT").shape == (1, 1)
        return json.loads(answer.as_numpy("RESULT").item())

    async def refused(self, pcm, **params):
        with pytest.raises(InferenceServerException) as refusal:
            await self.infer(pcm, **params)
        return refusal.value


def _inputs(pcm, num_samples, raw):
    length = len(pcm) if num_samples is None else num_samples
    tensors = {
        "AUDIO": (np.asarray(pcm, np.int16)[None], "INT16"),
        "NUM_SAMPLES": (np.array([[length]], np.int32), "INT32"),
        "PARAMS": (np.array([[raw]], np.object_), "BYTES"),
    }
    inputs = []
    for name, (values, kind) in tensors.items():
        inputs.append(triton_client.InferInput(name, list(values.shape), kind))
        inputs[-1].set_data_from_numpy(values)
    return inputs


@asynccontextmanager
async def _model(address, name):
    client = triton_client.InferenceServerClient(address)
    try:
        yield Model(client, name)
    finally:
        await client.close()


@pytest.fixture(scope="module")
def batching(start_triton):
    """A server that batches requests, as on a GPU. Its contract also holds for single requests."""
    address, _ = start_triton(batches=True)
    return address


@pytest.fixture
async def whisper(batching):
    async with _model(batching, "whisper") as model:
        yield model


@pytest.fixture(scope="module")
def chunks():
    """Twelve chunks of 2 to 13 s, so that the lengths in a batch differ."""
    return [compose(2 + i, ["linda", "robert"], seed=i, longest_pause_s=1).samples for i in range(12)]


def _without_timings(result):
    return {key: value for key, value in result.items() if key != "timings"}


async def test_the_model_has_the_documented_tensors(whisper):
    metadata = await whisper.client.get_model_metadata(whisper.name, as_json=True)
    inputs = {tensor["name"]: (tensor["datatype"], tensor["shape"]) for tensor in metadata["inputs"]}
    assert inputs == {
        "AUDIO": ("INT16", ["-1", "-1"]),
        "NUM_SAMPLES": ("INT32", ["-1", "1"]),
        "PARAMS": ("BYTES", ["-1", "1"]),
    }
    assert [(tensor["name"], tensor["datatype"]) for tensor in metadata["outputs"]] == [("RESULT", "BYTES")]


async def test_known_words_are_recognized_exactly_with_their_times(whisper):
    spoken = sentence(WORDS, "linda")
    result = await whisper.infer(spoken.samples, language="en")
    assert result["text"].split() == [word[2] for word in result["words"]] == WORDS
    errors = [abs(word[0] - truth.start_s) for word, truth in zip(result["words"], spoken.words, strict=True)]
    assert median(errors) < 0.3
    times = [time for word in result["words"] for time in word[:2]]
    assert times == sorted(times)
    assert times[-1] <= spoken.duration_s
    assert all(0.5 < word[3] <= 1 for word in result["words"])
    assert -0.5 < result["avg_logprob"] < 0
    assert result["no_speech_prob"] < 0.1
    assert result["truncated"] is False
    assert "segments" not in result


async def test_the_model_writes_timestamps_on_request(whisper):
    spoken = sentence(WORDS, "robert")
    result = await whisper.infer(spoken.samples, language="en", timestamps=True, word_timestamps=False)
    ((start_s, end_s, text), *rest) = result["segments"]
    assert " ".join([text, *(more[2] for more in rest)]).split() == WORDS
    assert 0 <= start_s < end_s <= spoken.duration_s
    assert result["words"] == []


async def test_the_language_is_detected_with_its_probability(whisper):
    spoken = sentence(WORDS, "linda")
    detected, transcribed = await asyncio.gather(
        whisper.infer(spoken.samples, op="detect"), whisper.infer(spoken.samples, language=None)
    )
    assert detected["language"] == transcribed["language"] == "en"
    assert detected["probabilities"]["en"] == pytest.approx(detected["language_probability"])
    assert len(detected["probabilities"]) == 5
    assert transcribed["language_probability"] > 0.9


@pytest.mark.parametrize(
    "recording", [silence(0), silence(3), silence(30), noise(5, 1)], ids=["none", "3s", "30s", "noise"]
)
async def test_silence_gives_no_words(whisper, recording):
    result = await whisper.infer(recording.samples, language="en")
    assert (result["text"], result["words"]) == ("", [])
    assert result["no_speech_prob"] > 0.9


async def test_a_truncated_answer_is_marked(whisper):
    result = await whisper.infer(sentence(WORDS, "linda").samples, language="en", max_new_tokens=3)
    assert result["truncated"] is True
    assert WORDS[: len(result["text"].split()) - 1] == result["text"].split()[:-1]


async def test_every_bad_request_of_a_batch_fails_alone(whisper, chunks):
    bad = {
        "bad_params: unknown key 'beams'": {"beams": 2},
        "bad_params: PARAMS is not JSON": {"raw": b"{"},
        "bad_audio: NUM_SAMPLES says 7": {"num_samples": 7},
        "unsupported_language: ": {"language": "xx"},
    }
    too_long = whisper.refused(np.zeros(480_001, np.int16))
    good = [whisper.infer(pcm, language="en") for pcm in chunks[:6]]
    results = await asyncio.gather(*good, *(whisper.refused(chunks[0], **params) for params in bad.values()), too_long)
    for message, refusal in zip([*bad, "audio_too_long: the chunk has 30.00 s"], results[6:], strict=True):
        assert refusal.message().startswith(message)
        assert "INVALID_ARGUMENT" in refusal.status()
    assert all(result["text"] for result in results[:6])


async def test_requests_of_different_lengths_are_answered_in_one_batch(whisper, chunks):
    results = await asyncio.gather(*(whisper.infer(chunks[i % len(chunks)], language="en") for i in range(32)))
    sizes = [result["timings"]["batch_size"] for result in results]
    assert mean(sizes) > MAX_BATCH / 2
    assert max(sizes) == MAX_BATCH
    assert set(results[0]["timings"]) >= {"mel_s", "encode_s", "generate_s", "align_s", "batch_size"}


@pytest.mark.parametrize("params", [{}, {"beam": 5}, {"timestamps": True}, {"temperature": 0.8}], ids=str)
async def test_the_same_audio_gives_the_same_words_alone_and_in_a_batch(whisper, chunks, params):
    alone = [await whisper.infer(pcm, language="en", **params) for pcm in chunks[:4]]
    crowd = [whisper.infer(pcm, language="en") for pcm in chunks[4:]]
    together = await asyncio.gather(*(whisper.infer(pcm, language="en", **params) for pcm in chunks[:4]), *crowd)
    assert any(result["timings"]["batch_size"] > 1 for result in together)
    assert [_without_timings(result) for result in together[:4]] == [_without_timings(result) for result in alone]


async def test_another_seed_may_sample_other_words(whisper, chunks):
    drawn = await asyncio.gather(
        *(whisper.infer(chunks[3], language="en", temperature=2.0, seed=seed) for seed in range(6))
    )
    assert len({result["text"] for result in drawn}) > 1


async def test_requests_cancelled_in_the_queue_do_not_affect_the_others(whisper, chunks):
    """triton-models/tests proves that they are not computed; the server's statistics count them like the others."""
    tasks = [asyncio.create_task(whisper.infer(chunks[-1], language="en")) for _ in range(4 * MAX_BATCH)]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    cancelled, remaining = tasks[MAX_BATCH : 2 * MAX_BATCH], tasks[:MAX_BATCH] + tasks[2 * MAX_BATCH :]
    for task in cancelled:
        task.cancel()
    results = await asyncio.gather(*remaining)
    assert len({result["text"] for result in results}) == 1
    await asyncio.wait(cancelled)
    assert any(task.cancelled() for task in cancelled)


async def test_the_model_describes_itself(whisper):
    first, second = [await whisper.infer(silence(1).samples, op="describe") for _ in range(2)]
    assert first == second
    assert (first["engine"], first["model"], first["tier"], first["max_audio_s"]) == (
        "ctranslate2",
        "model",
        "accurate",
        30,
    )
    assert (first["device"], first["compute_type"].startswith("int8")) == ("cpu", True)
    assert len(first["languages"]) == 99
    assert first["tasks"] == ["transcribe", "translate"]
    assert len(first["revision"]) == 16
