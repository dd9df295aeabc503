"""Frames of changing formats become 16 kHz mono, as long as they were."""

import numpy as np
import pytest
from av.audio.frame import AudioFrame
from voicepipe_orchestrator.prepare.decoder.channels import Mixer
from voicepipe_orchestrator.prepare.decoder.sound import RATE, Pcm


def frame(rate, channels, length_s, level=0.25):
    samples = np.full((channels, round(rate * length_s)), level, np.float32)
    made = AudioFrame.from_ndarray(samples, format="fltp", layout={1: "mono", 2: "stereo", 6: "5.1"}[channels])
    made.sample_rate = rate
    return made


def written(*parts):
    """The PCM of frames, and of silences that are given as their length."""
    pcm = bytearray()
    sound = Pcm(pcm.extend, Mixer(), only=None, voices=1)
    for part in parts:
        sound.silence(part) if isinstance(part, float) else sound.add(part)
    sound.finish()
    return np.frombuffer(bytes(pcm), "<i2") / 32768


# A block has a second: formats change within one, and where one ends.
@pytest.mark.parametrize("length_s", [0.5, 1.0, 1.5, 3.0])
@pytest.mark.parametrize("other", [(8_000, 1), (16_000, 1), (44_100, 1), (48_000, 6)])
def test_rate_and_channels_may_change_after_any_frame(length_s, other):
    pcm = written(frame(44_100, 2, length_s), frame(*other, length_s), frame(44_100, 2, length_s))
    assert len(pcm) == round(3 * length_s * RATE)
    middle = pcm[round(1.2 * length_s * RATE) : round(1.8 * length_s * RATE)]
    assert np.abs(middle - 0.25).max() < 0.01


def test_a_silence_is_as_long_as_it_is_stated_and_moves_nothing():
    pcm = written(frame(48_000, 1, 1.3), 2.7, frame(48_000, 1, 1.0))
    assert len(pcm) == 5 * RATE
    assert not pcm[round(1.4 * RATE) : round(3.9 * RATE)].any()
    assert np.abs(pcm[round(4.1 * RATE) : round(4.9 * RATE)] - 0.25).max() < 0.01


def test_values_that_are_no_numbers_are_silence():
    damaged = frame(16_000, 1, 1.0)
    values = damaged.to_ndarray()
    values[0, 100:200] = np.nan
    values[0, 300:400] = np.inf
    again = AudioFrame.from_ndarray(values, format="fltp", layout="mono")
    again.sample_rate = 16_000
    pcm = written(again)
    assert not pcm[100:200].any()
    assert not pcm[300:400].any()
    assert np.abs(pcm[400:] - 0.25).max() < 0.01
