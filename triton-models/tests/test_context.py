import importlib

import numpy as np
import pytest
from speech_contract.params import Params
from speech_contract.serving import Chunk

context = importlib.import_module("whisper.1.context")
WHOLE = np.zeros((80, 3000), dtype=np.float32)


def frames(seconds, *, on_cpu=True, **params):
    chunk = Chunk(np.zeros(round(seconds * 16_000), dtype=np.int16), Params(**params))
    return context.trimmed(WHOLE, chunk, on_cpu=on_cpu).shape[1]


@pytest.mark.parametrize(("seconds", "expected_s"), [(1, 15), (13, 15), (13.5, 16), (20.2, 23), (28, 30)])
def test_transcription_gets_two_seconds_of_silence_and_at_least_fifteen_in_all(seconds, expected_s):
    assert frames(seconds) == expected_s * 100


def test_language_detection_gets_hardly_any_padding():
    assert frames(3, op="detect") == 400
    assert frames(3, op="detect", on_cpu=False) == 400


@pytest.mark.parametrize("params", [{"timestamps": True}, {"temperature": 0.4}])
def test_a_retry_gets_the_whole_window(params):
    assert frames(3, **params) == 3000


def test_a_gpu_gets_the_whole_window_so_that_lengths_are_equal():
    assert frames(3, on_cpu=False) == 3000
