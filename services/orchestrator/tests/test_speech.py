"""What must hold for speech that was found, and that the quick model says what the known one says."""

import importlib.util
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from voicepipe_orchestrator.prepare.speech_regions import MIN_SILENCE, MIN_SPEECH, OFFSET, ONSET, PAD, WINDOW, regions
from voicepipe_orchestrator.prepare.vad import BATCH, CONTEXT, SpeechDetector, load_detector

byte_arrays = st.lists(
    st.tuples(st.integers(1, 30), st.sampled_from([0, OFFSET - 1, OFFSET, ONSET - 1, ONSET, 255])), max_size=40
).map(lambda runs: np.concatenate([np.zeros(0, np.uint8), *(np.full(n, value, np.uint8) for n, value in runs)]))


@pytest.fixture(scope="module")
def session():
    return load_detector()


@pytest.fixture(scope="module")
def recording():
    """Buzzing syllables with pauses: enough like speech that the model goes up and down."""
    rng = np.random.default_rng(7)
    time_s = np.arange(14 * 16_000) / 16_000
    pitch = 120 + 20 * np.sin(2 * np.pi * 0.7 * time_s)
    voice = np.sign(np.sin(2 * np.pi * np.cumsum(pitch) / 16_000)) * (np.sin(2 * np.pi * 2 * time_s) > 0)
    voice *= (time_s % 4 < 2.5) * (0.5 + 0.5 * np.sin(2 * np.pi * 5 * time_s))
    voice = np.convolve(voice, np.hanning(24) / 12, "same")
    return (voice * 9000 + rng.normal(0, 30, len(voice))).astype(np.int16)


@given(byte_arrays, st.integers(0, WINDOW - 1))
@settings(deadline=None)
def test_regions_are_sorted_disjoint_and_within_the_recording(probabilities, missing):
    samples = max(len(probabilities) * WINDOW - missing, 0)
    found = regions(probabilities, samples)
    edges = [edge for span in found for edge in (span.start, span.end)]
    assert edges == sorted(edges)
    assert all(0 <= span.start < span.end <= samples for span in found)


@given(byte_arrays)
@settings(deadline=None)
def test_long_speech_is_found_and_long_silence_is_not(probabilities):
    samples = len(probabilities) * WINDOW
    is_in = np.zeros(samples, bool)
    for span in regions(probabilities, samples):
        is_in[span.start : span.end] = True
    run = 0
    for window, value in enumerate([*probabilities.tolist(), None]):
        if value is not None and value >= ONSET:
            run += 1
            continue
        if run * WINDOW >= MIN_SPEECH:
            assert is_in[(window - run) * WINDOW : window * WINDOW].all()
        run = 0
    silent = np.flatnonzero(probabilities >= OFFSET)
    edges = np.r_[-1, silent, len(probabilities)]
    for before, after in pairwise(edges):
        start, end = (before + 1) * WINDOW + PAD, after * WINDOW - PAD
        if (after - before - 1) * WINDOW >= MIN_SILENCE and end > start:
            assert not is_in[start:end].any()


def test_padding_stops_in_the_middle_of_the_silence():
    probabilities = np.zeros(60, np.uint8)
    probabilities[10:20] = probabilities[26:40] = 255
    first, second = regions(probabilities, 60 * WINDOW)
    assert (first.start, first.end) == (10 * WINDOW - PAD, 23 * WINDOW)
    assert (second.start, second.end) == (23 * WINDOW, 40 * WINDOW + PAD)


def test_a_short_dip_does_not_end_speech_and_a_short_burst_does_not_begin_it():
    probabilities = np.zeros(80, np.uint8)
    probabilities[10:30] = 255
    probabilities[15:19] = 0  # 128 ms
    probabilities[60:63] = 255  # 96 ms
    assert len(regions(probabilities, 80 * WINDOW)) == 1


@given(st.integers(0, 999), st.sampled_from([40, 3000, 90_000]))
@settings(max_examples=15, deadline=None)
def test_the_size_of_the_blocks_changes_nothing(session, recording, seed, largest):
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
    found = pieces.finish()
    assert (found.probabilities == expected.probabilities).all()
    assert (found.regions, found.samples) == (expected.regions, len(recording))


def test_the_quick_model_says_what_the_one_for_single_windows_says(session, recording):
    detector = SpeechDetector(session)
    detector.feed(recording)
    found = detector.finish().probabilities
    folder = importlib.util.find_spec("silero_vad").submodule_search_locations[0]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    path = Path(folder, "data", "silero_vad_16k_op15.onnx")
    single = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    audio = np.pad(recording.astype(np.float32) / 32768, (CONTEXT, -len(recording) % WINDOW))
    state, rate = np.zeros((2, 1, 128), np.float32), np.array(16_000)
    for window, value in enumerate(found.tolist()):
        heard = audio[None, window * WINDOW : (window + 1) * WINDOW + CONTEXT]
        probability, state = single.run(None, {"input": heard, "state": state, "sr": rate})
        assert abs(probability.item() * 255 - value) <= 0.51
    assert len(found) > BATCH
    assert found.max() >= ONSET
    assert found.min() < OFFSET


@pytest.mark.parametrize("samples", [0, 1, WINDOW, 16_000])
def test_silence_has_no_speech(session, samples):
    detector = SpeechDetector(session)
    detector.feed(bytes(2 * samples))
    found = detector.finish()
    assert found.regions == ()
    assert len(found.probabilities) == -(-samples // WINDOW)


def test_neither_torch_nor_the_package_of_the_model_is_loaded(session):
    assert not {"torch", "silero_vad"} & set(sys.modules)
