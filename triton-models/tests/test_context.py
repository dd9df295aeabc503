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


@pytest.mark.parametrize(("seconds", "expected_s"), [(13, 15), (13.5, 16), (20.2, 23), (28, 30)])
def test_a_long_chunk_gets_two_seconds_of_silence(seconds, expected_s):
    assert frames(seconds) == expected_s * 100


@pytest.mark.parametrize("seconds", [0.5, 3, 12.9])
def test_a_short_chunk_gets_the_whole_window(seconds):
    assert frames(seconds) == 3000


def test_language_detection_gets_hardly_any_padding():
    assert frames(3, op="detect") == 400
    assert frames(3, op="detect", on_cpu=False) == 400


@pytest.mark.parametrize("params", [{"timestamps": True}, {"temperature": 0.4}])
def test_a_retry_gets_the_whole_window(params):
    assert frames(20, **params) == 3000


def test_a_gpu_gets_the_whole_window_so_that_lengths_are_equal():
    assert frames(20, on_cpu=False) == 3000
