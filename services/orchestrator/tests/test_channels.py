"""Mixes lose nobody, and two channels are kept apart only if each has a voice of its own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from voicepipe_orchestrator.prepare.decoder.channels import Mixer, Relation

RATE = 16_000


def voice(seed, length_s=30, level=0.1):
    """Noise in syllables and pauses, as different from another one as two people are."""
    rng = np.random.default_rng(seed)
    samples = rng.normal(0, level, length_s * RATE)
    syllables = np.repeat(rng.random(length_s * 5) > 0.4, RATE // 5)
    return (samples * syllables).astype(np.float32)


def level(samples):
    return float(np.sqrt(np.mean(np.square(samples))))


def mixed(*channels):
    mixer = Mixer()
    block = np.stack(channels).astype(np.float32)
    parts = [mixer.mix(block[:, at : at + RATE], RATE) for at in range(0, block.shape[1], RATE)]
    return np.concatenate(parts), mixer


def share(mix, channel):
    """How much of a channel is in the mix: its projection."""
    return abs(float(mix @ channel) / float(channel @ channel))


@pytest.mark.parametrize("count", [2, 3, 6, 8, 32])
def test_every_channel_is_in_the_mix(count):
    channels = [voice(seed) for seed in range(count)]
    mix, mixer = mixed(*channels)
    assert min(share(mix, channel) for channel in channels) > 0.5 / count
    assert mixer.inverted == set()


@pytest.mark.parametrize("place", range(6))
def test_one_voice_in_one_of_six_channels_is_as_loud_as_before(place):
    channels = [np.zeros(30 * RATE, np.float32)] * 6
    channels[place] = voice(1)
    mix, _ = mixed(*channels)
    assert level(mix) == pytest.approx(level(channels[place]), rel=0.05)


@pytest.mark.parametrize("gain", [1.0, 0.9, 0.3])
def test_an_inverted_channel_does_not_cancel_the_other(gain):
    first = voice(1)
    mix, mixer = mixed(first, -gain * first)
    assert level(mix) == pytest.approx(level(first), rel=0.1)
    assert mixer.inverted == {1}


def test_one_of_four_inverted_channels_is_turned_over():
    same = voice(1)
    mix, mixer = mixed(same, same, -same, same)
    assert level(mix) == pytest.approx(level(same), rel=0.05)
    assert mixer.inverted == {2}


def test_two_equal_channels_stay_as_they_are():
    same = voice(1)
    mix, _ = mixed(same, same)
    assert np.allclose(mix, same, atol=1e-6)


def test_inversion_that_begins_later_is_noticed():
    first = voice(1)
    second = first.copy()
    second[10 * RATE :] *= -1
    mix, _ = mixed(first, second)
    assert level(mix[11 * RATE :]) == pytest.approx(level(first[11 * RATE :]), rel=0.1)


@given(hnp.arrays(np.float32, (3, 800), elements=st.floats(-1, 1, width=32)))
def test_a_mix_never_clips(block):
    mixer = Mixer()
    for _ in range(3):
        assert np.abs(mixer.mix(block, RATE)).max(initial=0) <= 1.0001


def verdict(first, second):
    relation = Relation()
    block = np.stack((first, second)).astype(np.float32)
    for at in range(0, block.shape[1], RATE):
        relation.feed(block[:, at : at + RATE], RATE)
    return relation.verdict(is_end=True)


ONE, OTHER = voice(1, 60), voice(2, 60)
TURNS = np.repeat(np.arange(60) // 5 % 2, RATE)
HISS = np.random.default_rng(9).normal(0, 0.002, (2, 60 * RATE))


def echoed(channel, seed):
    """As in a hard room: half a second of reverberation, different at every microphone."""
    rng = np.random.default_rng(seed)
    response = rng.normal(0, 1, RATE // 2) * np.exp(-np.arange(RATE // 2) / (RATE / 14))
    response[0] += 3
    return (
        np.fft.irfft(np.fft.rfft(channel, 2 * len(channel)) * np.fft.rfft(response, 2 * len(channel)))[: len(channel)]
        / 10
    )


def ceaseless(loudness, seed):
    """After half a second three and a half seconds without a pause, from loud to half as loud."""
    levels = 0.1 * np.random.default_rng(loudness).uniform(0.5, 1, 40) * np.repeat((0, 1), (5, 35))
    return (np.repeat(levels, RATE // 10) * np.random.default_rng(seed).normal(0, 1, 4 * RATE)).astype(np.float32)


CALLS = {
    "both talk without a pause": (ceaseless(1, 3), ceaseless(2, 4)),
    "both talk all the time": (ONE, OTHER),
    "they take turns": (ONE * TURNS, OTHER * (1 - TURNS)),
    "one is much quieter": (ONE, 0.3 * OTHER),
    "with an echo of -20 dB": (ONE + 0.1 * OTHER, OTHER + 0.1 * ONE),
    "with an echo of -26 dB, in turns": (ONE * TURNS + 0.05 * OTHER, OTHER * (1 - TURNS) + 0.05 * ONE),
    "with hiss": (ONE * TURNS + HISS[0], OTHER * (1 - TURNS) + HISS[1]),
}
MIXED = {
    "the same twice": (ONE, ONE),
    "the same with hiss": (ONE + HISS[0], ONE + HISS[1]),
    "inverted": (ONE, -ONE),
    "one 3 ms later": (ONE, np.roll(ONE, 48)),
    "one channel is empty": (ONE, 0 * ONE),
    "one channel only hisses": (ONE, HISS[1]),
    "one channel hums": (ONE, 0.05 * np.sin(np.arange(60 * RATE) * 0.0196)),
    "two people between two microphones": (ONE * TURNS + 0.7 * OTHER * (1 - TURNS), 0.7 * ONE * TURNS + OTHER * (1 - TURNS)),
    "two microphones in a hard room": (echoed(ONE, 1), echoed(ONE, 2)),
    "wide music, louder and quieter on both sides": (ceaseless(1, 3), ceaseless(1, 4)),
    "noise in both": (HISS[0] * 50, HISS[1] * 50),
    "silence": (0 * ONE, 0 * ONE),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_the_two_ends_of_a_call_are_independent(name):
    assert verdict(*CALLS[name]) == "independent"


@pytest.mark.parametrize("name", MIXED)
def test_channels_that_hear_the_same_are_related(name):
    assert verdict(*MIXED[name]) == "related"


def test_stereo_is_decided_after_half_a_minute_of_sound():
    relation = Relation()
    for second in range(60):
        block = ONE[second * RATE : (second + 1) * RATE]
        relation.feed(np.stack((block, block)), RATE)
        if relation.verdict(is_end=False) is not None:
            break
    assert relation.verdict(is_end=False) == "related"
    assert second < 45
