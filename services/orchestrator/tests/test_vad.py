"""The speech detector: independent of block sizes, and as exact as the window-by-window model."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from voicepipe_orchestrator.prepare.speech_regions import OFFSET, ONSET, WINDOW, regions
from voicepipe_orchestrator.prepare.vad import BATCH, CONTEXT, SpeechDetector, load_detector


@pytest.fixture(scope="module")
def session():
    return load_detector()


@pytest.fixture(scope="module")
def recording():
    """Buzzing syllables with pauses: enough like speech that the model gives high and low probabilities."""
    rng = np.random.default_rng(7)
    time_s = np.arange(14 * 16_000) / 16_000
    pitch = 120 + 20 * np.sin(2 * np.pi * 0.7 * time_s)
    voice = np.sign(np.sin(2 * np.pi * np.cumsum(pitch) / 16_000)) * (np.sin(2 * np.pi * 2 * time_s) > 0)
    voice *= (time_s % 4 < 2.5) * (0.5 + 0.5 * np.sin(2 * np.pi * 5 * time_s))
    voice = np.convolve(voice, np.hanning(24) / 12, "same")
    return (voice * 9000 + rng.normal(0, 30, len(voice))).astype(np.int16)


@given(st.integers(0, 999), st.sampled_from([40, 3000, 90_000]))
@settings(max_examples=15, deadline=None)
def test_the_result_does_not_depend_on_block_sizes(session, recording, seed, largest):
    sizes = np.random.default_rng(seed)
    whole = SpeechDetector(session)
    whole.feed(recording)
    expected = whole.finish()
    pieces = SpeechDetector(session)
    at = 0
    while at < len(recording):
        size = int(sizes.integers(1, largest))
        pieces.feed(recording[at : at + size].tobytes())
        at += size
    assert (pieces.finish() == expected).all()


def test_the_sequence_model_agrees_with_the_window_by_window_model(session, recording):
    detector = SpeechDetector(session)
    detector.feed(recording)
    probabilities = detector.finish()
    folder = importlib.util.find_spec("silero_vad").submodule_search_locations[0]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    path = Path(folder, "data", "silero_vad_16k_op15.onnx")
    single = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    audio = np.pad(recording.astype(np.float32) / 32768, (CONTEXT, -len(recording) % WINDOW))
    state, rate = np.zeros((2, 1, 128), np.float32), np.array(16_000)
    for window, value in enumerate(probabilities.tolist()):
        samples = audio[None, window * WINDOW : (window + 1) * WINDOW + CONTEXT]
        probability, state = single.run(None, {"input": samples, "state": state, "sr": rate})
        assert abs(probability.item() * 255 - value) <= 0.51
    assert len(probabilities) > BATCH
    assert probabilities.max() >= ONSET
    assert probabilities.min() < OFFSET


@pytest.mark.parametrize("samples", [0, 1, WINDOW, 16_000])
def test_silence_has_no_speech(session, samples):
    detector = SpeechDetector(session)
    detector.feed(bytes(2 * samples))
    probabilities = detector.finish()
    assert regions(probabilities, samples) == ()
    assert len(probabilities) == -(-samples // WINDOW)


def test_neither_torch_nor_the_silero_vad_package_is_imported(session):
    assert not {"torch", "silero_vad"} & set(sys.modules)
