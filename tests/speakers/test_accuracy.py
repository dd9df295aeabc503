"""Words with speakers of a real phone call through the whole pipeline. `accuracy/test_floors.py` tests the turns."""

from accuracy.corpus import phone_call
from accuracy.speaker_errors import cpwer, wder
from fixtures.score import normal
from fixtures.who_said import heard_in
from support.front_door import FrontDoor

# 2 of 73 words had the wrong speaker, and 16 of 81 were wrong in any way, when this was written.
WORST_WDER, WORST_CPWER = 0.08, 0.3


def test_words_have_the_right_speaker(door: FrontDoor, call_id: str, record_property):
    document = door.transcript(call_id)
    reference = [(word, sentence.speaker) for sentence in phone_call().sentences for word in normal(sentence.text)]
    attributed = heard_in(document)
    wrong, compared = wder(reference, attributed)
    errors, words = cpwer(reference, attributed)
    record_property("measured", f"WDER {wrong} of {compared} words, cpWER {errors} of {words}")
    assert len(document["speakers"]) == 2
    assert wrong / compared <= WORST_WDER
    assert errors / words <= WORST_CPWER
