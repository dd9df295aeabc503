import importlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

mel = importlib.import_module("whisper.1.mel")
log_mel = mel.LogMel(80)


def by_definition(pcm, n_mels):
    """openai-whisper's definition, term by term in double precision."""
    signal = np.pad(np.concatenate([pcm / 32768, np.zeros(480_000 - len(pcm))]), 200, mode="reflect")
    window = np.hanning(401)[:-1]
    spectrum = np.array([np.fft.rfft(signal[at : at + 400] * window) for at in range(0, 480_000, 160)])
    log = np.log10(np.maximum(mel.mel_filters(n_mels).astype(float) @ (np.abs(spectrum) ** 2).T, 1e-10))
    return (np.maximum(log, log.max() - 8) + 4) / 4


def noise(samples, level, seed=0):
    return np.random.default_rng(seed).integers(-level, level + 1, samples, dtype=np.int16)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 480_000), st.sampled_from([0, 1, 100, 32_767]), st.integers(0, 9))
def test_the_spectrogram_is_that_of_openai_whisper(samples, level, seed):
    pcm = noise(samples, level, seed)
    assert np.abs(log_mel(pcm) - by_definition(pcm, 80)).max() < 1e-4


@pytest.mark.parametrize("samples", [0, 1, 159, 160, 199, 200, 201, 400, 479_800, 479_999, 480_000])
def test_lengths_at_the_edges_of_frames_are_exact(samples):
    pcm = noise(samples, 3_000)
    assert np.abs(log_mel(pcm) - by_definition(pcm, 80)).max() < 1e-4


def test_large_models_get_128_bands():
    pcm = noise(50_000, 3_000)
    assert np.abs(mel.LogMel(128)(pcm) - by_definition(pcm, 128)).max() < 1e-4


def test_the_spectrogram_is_contiguous_float32_of_the_encoders_shape():
    spectrogram = log_mel(noise(1_000, 10))
    assert spectrogram.shape == (80, 3_000)
    assert spectrogram.dtype == np.float32
    assert spectrogram.flags.c_contiguous


def test_zeros_at_the_end_change_nothing():
    pcm = noise(20_000, 3_000)
    np.testing.assert_array_equal(log_mel(pcm), log_mel(np.concatenate([pcm, np.zeros(5_000, np.int16)])))


@pytest.mark.parametrize("n_mels", [80, 128])
def test_filters_are_not_empty_and_have_equal_areas(n_mels):
    filters = mel.mel_filters(n_mels)
    assert filters.shape == (n_mels, 201)
    assert (filters.max(axis=1) > 0).all()
    edges = np.asarray(mel._mel_to_hz(np.linspace(0, mel._hz_to_mel(8_000), n_mels + 2)))
    wide = edges[2:] - edges[:-2] > 400  # narrow ones fall between the bins
    areas = filters.sum(axis=1) * 40
    np.testing.assert_allclose(areas[wide], 1, rtol=0.02)
