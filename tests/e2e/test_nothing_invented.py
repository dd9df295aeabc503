"""Sounds without speech add no words, with real Whisper, and the words around them stay where they were said."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import Any

import numpy as np
import pytest
import soundfile as sf
from accuracy.corpus import phone_call
from fixtures import sounds
from support.front_door import FrontDoor

SOUND_S = 30.0
LENGTHS_S = (5.0, 20.0, 60.0)  # of sounds alone, by turns
FOOTSTEPS_S = 5.0  # at this length one step passes the detector, and Whisper base makes "Thank you." of it
# Seconds of the phone call: sentences of one of the two people, then of the other.
BEFORE, AFTER = (10.6, 14.4), (21.7, 28.0)
AROUND = ("silence", "white noise", "hold music", "busy tone", "breath", "keyboard", "mains hum", "fan")
# Where the product puts words without any sound in between; the models' own times move by as much.
PLACE_S = 0.5

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def alone(real: FrontDoor) -> dict[str, dict[str, Any]]:
    """The transcript of each sound."""
    recordings = {
        name: sounds.sound(name, LENGTHS_S[number % len(LENGTHS_S)]) for number, name in enumerate(sounds.SOUNDS)
    }
    recordings["footsteps"] = sounds.sound("footsteps", FOOTSTEPS_S)
    return transcripts(real, recordings)


@pytest.fixture(scope="module")
def around(real: FrontDoor) -> dict[str, dict[str, Any]]:
    """The transcript of speech, then 30 s of a sound, then speech; of the empty name, without anything in between."""
    first, second = stretch(*BEFORE), stretch(*AFTER)
    recordings = {name: np.concatenate((first, sounds.sound(name, SOUND_S), second)) for name in AROUND}
    return transcripts(real, recordings | {"": np.concatenate((first, second))})


@pytest.mark.parametrize("name", sounds.SOUNDS)
def test_a_sound_without_speech_has_no_words(alone: dict[str, dict[str, Any]], name: str):
    assert alone[name]["text"] == ""
    assert alone[name]["segments"] == []


@pytest.mark.parametrize("name", AROUND)
def test_a_sound_between_sentences_adds_no_words(around: dict[str, dict[str, Any]], name: str):
    spoken, heard = plain(around[""]), plain(around[name])
    added = [
        heard[first:end] for _, _, _, first, end in SequenceMatcher(None, spoken, heard, autojunk=False).get_opcodes()
    ]
    assert len(heard) <= len(spoken) + 1, (heard, added)
    assert SequenceMatcher(None, spoken, heard, autojunk=False).ratio() > 0.85, heard


@pytest.mark.parametrize("name", AROUND)
def test_words_around_a_sound_are_where_they_were_said(around: dict[str, dict[str, Any]], name: str):
    starts_s, sound_end_s = BEFORE[1] - BEFORE[0], BEFORE[1] - BEFORE[0] + SOUND_S
    middles_s = [(word["start_s"] + word["end_s"]) / 2 for word in words(around[name])]
    assert [at_s for at_s in middles_s if starts_s + PLACE_S < at_s < sound_end_s - PLACE_S] == []
    assert any(at_s < starts_s for at_s in middles_s)
    assert any(at_s > sound_end_s for at_s in middles_s)


def transcripts(real: FrontDoor, recordings: Mapping[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    """All are sent before the first is waited for."""
    jobs = {name: real.accepted(wav(samples), "sound.wav", language="en") for name, samples in recordings.items()}
    return {name: real.completed(job_id, 300) for name, job_id in jobs.items()}


def stretch(start_s: float, end_s: float) -> np.ndarray:
    samples, rate = sf.read(phone_call().path, dtype="int16")
    assert rate == sounds.RATE
    return samples[round(start_s * rate) : round(end_s * rate)]


def wav(samples: np.ndarray) -> bytes:
    file = io.BytesIO()
    sf.write(file, samples, sounds.RATE, format="WAV", subtype="PCM_16")
    return file.getvalue()


def words(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [word for segment in document["segments"] for word in segment["words"]]


def plain(document: dict[str, Any]) -> list[str]:
    return re.sub(r"[^\w' ]", "", document["text"].lower()).split()
