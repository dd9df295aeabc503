# ruff: noqa: ARG002 - a fake takes what the real one takes

import json
from types import SimpleNamespace

import numpy as np
import pytest
from speech_contract.errors import BadAudio, ModelFailed
from speech_contract.serving import MAX_SAMPLES, answer


class TritonError:
    INVALID_ARG, INTERNAL, CANCELLED = "invalid", "internal", "cancelled"

    def __init__(self, message, code):
        self.message, self.code = message, code


pb_utils = SimpleNamespace(
    TritonError=TritonError,
    Tensor=lambda name, values: SimpleNamespace(name=name, values=values),
    InferenceResponse=lambda output_tensors=(), error=None: SimpleNamespace(tensors=output_tensors, error=error),
    get_input_tensor_by_name=lambda request, name: SimpleNamespace(as_numpy=lambda: request.tensors[name]),
)


def request(samples=160, params=b"{}", num_samples=None, rows=1, *, is_cancelled=False):
    return SimpleNamespace(
        tensors={
            "AUDIO": np.zeros((rows, samples), np.int16),
            "NUM_SAMPLES": np.full((rows, 1), samples if num_samples is None else num_samples, np.int32),
            "PARAMS": np.full((rows, 1), params, np.object_),
        },
        is_cancelled=lambda: is_cancelled,
    )


class Echo:
    def recognize(self, chunks):
        return [{"samples": len(chunk.pcm), "language": chunk.params.language} for chunk in chunks]


def answers(requests, recognizer=None):
    responses = answer(requests, recognizer or Echo(), pb_utils)
    assert len(responses) == len(requests)
    return [r.error or json.loads(r.tensors[0].values.item()) for r in responses]


def test_every_request_of_a_mixed_batch_gets_its_own_response():
    given = [
        request(10),
        request(20, b'{"beam": 99}'),
        request(30, b'{"language": "de"}'),
        request(40, num_samples=41),
        request(MAX_SAMPLES + 1),
        request(0),
        request(50, is_cancelled=True),
        request(60, rows=2),
        request(70, params="text"),
        request(MAX_SAMPLES),
    ]
    results = answers(given)
    errors = {
        i: (item.message.partition(":")[0], item.code)
        for i, item in enumerate(results)
        if isinstance(item, TritonError)
    }
    assert errors == {
        1: ("bad_params", "invalid"),
        3: ("bad_audio", "invalid"),
        4: ("audio_too_long", "invalid"),
        6: ("cancelled", "cancelled"),
        7: ("bad_audio", "invalid"),
        8: ("bad_params", "invalid"),
    }
    assert [item["samples"] for i, item in enumerate(results) if i not in errors] == [10, 30, 0, MAX_SAMPLES]
    assert results[2]["language"] == "de"


def test_a_recognizer_that_raises_fails_every_request_with_an_error():
    class Broken:
        def recognize(self, chunks):
            raise MemoryError("no room")

    results = answers([request(1), request(2, b"no"), request(3)], Broken())
    assert [(error.message.partition(":")[0], error.code) for error in results] == [
        ("model_failed", "internal"),
        ("bad_params", "invalid"),
        ("model_failed", "internal"),
    ]


def test_an_error_result_fails_only_its_request():
    class Picky:
        def recognize(self, chunks):
            return [ModelFailed("no") if len(chunk.pcm) == 2 else {"samples": len(chunk.pcm)} for chunk in chunks]

    results = answers([request(1), request(2), request(3)], Picky())
    assert results[1].code == "internal"
    assert (results[0]["samples"], results[2]["samples"]) == (1, 3)


@pytest.mark.parametrize("num_samples", [-1, 0, 159, 161])
def test_a_wrong_num_samples_is_refused_with_both_lengths(num_samples):
    (error,) = answers([request(160, num_samples=num_samples)])
    assert error.message == str(BadAudio(f"NUM_SAMPLES says {num_samples}, AUDIO has 160 samples"))


def test_text_of_any_script_survives_the_response():
    class Speaks:
        def recognize(self, chunks):
            return [{"text": "žlutý 你好 🎉"} for _ in chunks]

    assert answers([request()], Speaks()) == [{"text": "žlutý 你好 🎉"}]


class OnlyLong:
    def recognize(self, chunks):
        return [{"text": ""} if len(chunk.pcm) > 10 else ModelFailed("too short") for chunk in chunks]


@pytest.mark.parametrize(
    ("given", "touched"),
    [
        ([request(20)], True),
        ([request(5), request(20), request(params=b"no")], True),
        ([request(5)], False),
        ([request(params=b"no")], False),
        ([], False),
    ],
    ids=["a success", "one success in a batch", "the model failed", "no request could be read", "no request"],
)
def test_only_a_success_touches_the_file_for_the_probe(tmp_path, given, touched):
    file = tmp_path / "last-success"
    answer(given, OnlyLong(), pb_utils, file)
    assert file.exists() == touched


def test_a_success_is_answered_even_if_its_file_cannot_be_touched(tmp_path):
    (response,) = answer([request(20)], OnlyLong(), pb_utils, tmp_path / "missing" / "last-success")
    assert response.error is None
