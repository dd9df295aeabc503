"""How right the fixture models are on meetings of voices that they never heard."""

import pytest
from fixtures.conversation import converse, stretches
from pyannote.core import Annotation, Segment, Timeline
from pyannote.metrics.diarization import DiarizationErrorRate
from voicepipe_diarizer.run import Limits, Run

from .conftest import samples_of

# pyannote.metrics takes the collar of both sides together: a quarter of a second before and behind every border.
COLLAR_S = 0.5


def annotation(turns) -> Annotation:
    made = Annotation()
    for number, (start_s, end_s, speaker) in enumerate(turns):
        made[Segment(start_s, end_s), number] = speaker
    return made


@pytest.mark.parametrize(
    ("voices", "seconds"),
    [(("annie", "david"), 180), (("annie", "david", "linda"), 240), (("annie", "david", "linda", "travis"), 300)],
    ids=["two", "three", "four"],
)
async def test_who_speaks_when_is_right_to_a_tenth(model, voices, seconds):
    meeting = converse(seconds, voices, seed=11)
    said = await Run(model.pipeline, samples_of(meeting), Limits()).result
    reference = annotation(stretches(meeting.words))
    found = annotation((turn.start_s, turn.end_s, turn.speaker) for turn in said.turns)
    error = DiarizationErrorRate(collar=COLLAR_S, skip_overlap=False)
    parts = error(reference, found, uem=Timeline([Segment(0, seconds)]), detailed=True)
    print(f"\n{len(voices)} voices, {seconds} s: { ({name: round(value, 3) for name, value in parts.items()}) }")
    assert len(found.labels()) == len(voices)
    assert parts["diarization error rate"] <= 0.10
