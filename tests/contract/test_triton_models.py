"""The speech models on a real Triton: what the orchestrator may rely on."""

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

    async def ask(self, pcm, *, num_samples=None, raw=None, **params):
        answer = await self.client.infer(self.name, _inputs(pcm, num_samples, raw or json.dumps(params).encode()))
        assert answer.as_numpy("RESULT").shape == (1, 1)
        return json.loads(answer.as_numpy("RESULT").item())

    async def refused(self, pcm, **wishes):
        with pytest.raises(InferenceServerException) as refusal:
            await self.ask(pcm, **wishes)
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
    """A server that answers in batches, as on a GPU: whatever holds there holds one request at a time, too."""
    address, _ = start_triton(batches=True)
    return address


@pytest.fixture
async def whisper(batching):
    async with _model(batching, "whisper") as model:
        yield model


@pytest.fixture(scope="module")
def chunks():
    """Twelve chunks of 2 to 13 s, so that a batch is never of one length."""
    return [compose(2 + i, ["linda", "robert"], seed=i, longest_pause_s=1).samples for i in range(12)]


def _heard(result):
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


async def test_known_words_come_out_exactly_with_their_times(whisper):
    spoken = sentence(WORDS, "linda")
    said = await whisper.ask(spoken.samples, language="en")
    assert said["text"].split() == [word[2] for word in said["words"]] == WORDS
    errors = [abs(word[0] - truth.start_s) for word, truth in zip(said["words"], spoken.words, strict=True)]
    assert median(errors) < 0.3
    times = [time for word in said["words"] for time in word[:2]]
    assert times == sorted(times)
    assert times[-1] <= spoken.duration_s
    assert all(0.5 < word[3] <= 1 for word in said["words"])
    assert -0.5 < said["avg_logprob"] < 0
    assert said["no_speech_prob"] < 0.1
    assert said["truncated"] is False
    assert "segments" not in said


async def test_the_model_writes_timestamps_on_request(whisper):
    spoken = sentence(WORDS, "robert")
    said = await whisper.ask(spoken.samples, language="en", timestamps=True, word_timestamps=False)
    ((start_s, end_s, text), *rest) = said["segments"]
    assert " ".join([text, *(more[2] for more in rest)]).split() == WORDS
    assert 0 <= start_s < end_s <= spoken.duration_s
    assert said["words"] == []


async def test_the_language_is_detected_with_its_probability(whisper):
    spoken = sentence(WORDS, "linda")
    detected, transcribed = await asyncio.gather(
        whisper.ask(spoken.samples, op="detect"), whisper.ask(spoken.samples, language=None)
    )
    assert detected["language"] == transcribed["language"] == "en"
    assert detected["probabilities"]["en"] == pytest.approx(detected["language_probability"])
    assert len(detected["probabilities"]) == 5
    assert transcribed["language_probability"] > 0.9


@pytest.mark.parametrize(
    "recording", [silence(0), silence(3), silence(30), noise(5, 1)], ids=["none", "3s", "30s", "noise"]
)
async def test_silence_gives_no_words(whisper, recording):
    said = await whisper.ask(recording.samples, language="en")
    assert (said["text"], said["words"]) == ("", [])
    assert said["no_speech_prob"] > 0.9


async def test_a_truncated_answer_is_marked(whisper):
    said = await whisper.ask(sentence(WORDS, "linda").samples, language="en", max_new_tokens=3)
    assert said["truncated"] is True
    assert WORDS[: len(said["text"].split()) - 1] == said["text"].split()[:-1]


async def test_every_bad_request_of_a_batch_fails_alone(whisper, chunks):
    bad = {
        "bad_params: unknown key 'beams'": {"beams": 2},
        "bad_params: PARAMS is not JSON": {"raw": b"{"},
        "bad_audio: NUM_SAMPLES says 7": {"num_samples": 7},
        "unsupported_language: ": {"language": "xx"},
    }
    too_long = whisper.refused(np.zeros(480_001, np.int16))
    good = [whisper.ask(pcm, language="en") for pcm in chunks[:6]]
    said = await asyncio.gather(*good, *(whisper.refused(chunks[0], **wishes) for wishes in bad.values()), too_long)
    for message, refusal in zip([*bad, "audio_too_long: the chunk has 30.00 s"], said[6:], strict=True):
        assert refusal.message().startswith(message)
        assert "INVALID_ARGUMENT" in refusal.status()
    assert all(result["text"] for result in said[:6])


async def test_requests_of_different_lengths_are_answered_in_one_batch(whisper, chunks):
    said = await asyncio.gather(*(whisper.ask(chunks[i % len(chunks)], language="en") for i in range(32)))
    sizes = [result["timings"]["batch_size"] for result in said]
    assert mean(sizes) > MAX_BATCH / 2
    assert max(sizes) == MAX_BATCH
    assert set(said[0]["timings"]) >= {"mel_s", "encode_s", "generate_s", "align_s", "batch_size"}


@pytest.mark.parametrize("wishes", [{}, {"beam": 5}, {"timestamps": True}, {"temperature": 0.8}], ids=str)
async def test_the_same_audio_gives_the_same_words_alone_and_in_a_batch(whisper, chunks, wishes):
    alone = [await whisper.ask(pcm, language="en", **wishes) for pcm in chunks[:4]]
    crowd = [whisper.ask(pcm, language="en") for pcm in chunks[4:]]
    together = await asyncio.gather(*(whisper.ask(pcm, language="en", **wishes) for pcm in chunks[:4]), *crowd)
    assert any(result["timings"]["batch_size"] > 1 for result in together)
    assert [_heard(result) for result in together[:4]] == [_heard(result) for result in alone]


async def test_another_seed_may_sample_other_words(whisper, chunks):
    drawn = await asyncio.gather(
        *(whisper.ask(chunks[3], language="en", temperature=2.0, seed=seed) for seed in range(6))
    )
    assert len({result["text"] for result in drawn}) > 1


async def test_requests_cancelled_in_the_queue_do_not_affect_the_others(whisper, chunks):
    """That no time is spent on them is shown in triton-models/tests: the server's statistics count them like the others."""
    asked = [asyncio.create_task(whisper.ask(chunks[-1], language="en")) for _ in range(4 * MAX_BATCH)]
    await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    leaving, staying = asked[MAX_BATCH : 2 * MAX_BATCH], asked[:MAX_BATCH] + asked[2 * MAX_BATCH :]
    for task in leaving:
        task.cancel()
    said = await asyncio.gather(*staying)
    assert len({result["text"] for result in said}) == 1
    await asyncio.wait(leaving)
    assert any(task.cancelled() for task in leaving)


async def test_the_model_describes_itself(whisper):
    said, again = [await whisper.ask(silence(1).samples, op="describe") for _ in range(2)]
    assert said == again
    assert (said["engine"], said["model"], said["tier"], said["max_audio_s"]) == (
        "ctranslate2",
        "model",
        "accurate",
        30,
    )
    assert (said["device"], said["compute_type"].startswith("int8")) == ("cpu", True)
    assert len(said["languages"]) == 99
    assert said["tasks"] == ["transcribe", "translate"]
    assert len(said["revision"]) == 16
