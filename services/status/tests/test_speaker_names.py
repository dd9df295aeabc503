"""Valid names of speakers, and transcripts that show them."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sample_transcripts import EMPTY, segment, transcript
from voicepipe_status.formats.speaker_names import apply_names, fingerprint
from voicepipe_status.formats.transcript_formats import as_rttm, as_srt, as_txt, as_vtt
from voicepipe_status.schema import SpeakerName
from voicepipe_wire.transcript.document import Gap, Speaker
from voicepipe_wire.transcript.turns import DiarizedBy, Turn

DIARIZED = replace(
    transcript(
        segment("Good day.", 0.4, "speaker_1"),
        segment("Shall we?", 1.6, "speaker_1"),
        segment("Yes.", 2.8, "speaker_2"),
        segment("Hm.", 70.9),
        segment("Well.", 3600.0, "speaker_1"),
        gaps=[Gap(80.4, 108.0, "chunk_failed")],
    ),
    speakers=(
        Speaker("speaker_1", "Speaker 1", 2.5, 0.8, 3, "#1f77b4"),
        Speaker("speaker_2", "Speaker 2", 0.6, 0.2, 1, "#b45f06"),
    ),
    turns=(Turn(0.4, 2.7001, "speaker_1"), Turn(2.5, 3.3, "speaker_2"), Turn(3600.0, 3600.5, "speaker_1")),
    diarization=DiarizedBy("community-1", "abc"),
)
NAMED = apply_names(DIARIZED, {"speaker_1": "The Chair"})
# Names that were not validated: another service writes the document.
ANY_NAME = st.text(max_size=30).filter(lambda name: name.strip())


def test_applying_names_changes_the_speakers_and_nothing_else():
    assert [each.name for each in NAMED.speakers] == ["The Chair", "Speaker 2"]
    assert replace(NAMED, speakers=DIARIZED.speakers) == DIARIZED
    assert apply_names(DIARIZED, {}) == DIARIZED
    assert apply_names(DIARIZED, {"speaker_9": "Nobody"}) == DIARIZED


def test_the_fingerprint_changes_with_a_name_and_is_empty_for_none():
    assert fingerprint({}) == ""
    prints = {fingerprint(names) for names in ({"a": "x"}, {"a": "y"}, {"b": "x"}, {"a": "x", "b": "x"})}
    assert len(prints) == 4
    assert fingerprint({"a": "x", "b": "y"}) == fingerprint({"b": "y", "a": "x"})
    assert all(re.fullmatch(r"-[0-9a-f]{16}", each) for each in prints)


def test_text_with_speakers_shows_times_and_names():
    assert as_txt(NAMED) == (
        "[00:00:00] The Chair: Good day. Shall we?\n\n"
        "[00:00:02] Speaker 2: Yes.\n\n"
        "[00:01:10] Hm.\n\n"
        "[inaudible 00:01:20-00:01:48]\n\n"
        "[01:00:00] The Chair: Well.\n"
    )


def test_captions_show_names():
    spoken = [line for line in as_vtt(NAMED).split("\n") if line.startswith("<v ")]
    assert spoken == ["<v The Chair>Good day. Shall we?", "<v Speaker 2>Yes.", "<v The Chair>Well."]
    cue_texts = as_srt(NAMED).split("\n")[2::4]
    assert cue_texts[:2] == ["The Chair: Good day. Shall we?", "Speaker 2: Yes."]
    assert cue_texts[-1] == "The Chair: Well."


def test_rttm_has_one_line_per_turn():
    assert as_rttm(NAMED, "board meeting 3") == (
        "SPEAKER board_meeting_3 1 0.400 2.300 <NA> <NA> The_Chair <NA> <NA>\n"
        "SPEAKER board_meeting_3 1 2.500 0.800 <NA> <NA> Speaker_2 <NA> <NA>\n"
        "SPEAKER board_meeting_3 1 3600.000 0.500 <NA> <NA> The_Chair <NA> <NA>\n"
    )


def test_rttm_is_empty_without_turns_and_uses_the_id_for_an_unnamed_recording():
    assert as_rttm(EMPTY, "meeting") == ""
    assert as_rttm(DIARIZED, " ").startswith("SPEAKER tr_1 1 0.400 ")


@given(st.text(max_size=30), ANY_NAME, ANY_NAME)
def test_no_name_adds_a_field_or_a_line_to_rttm(recording, first, second):
    written = as_rttm(apply_names(DIARIZED, {"speaker_1": first, "speaker_2": second}), recording)
    lines = written.splitlines()
    assert len(lines) == len(DIARIZED.turns)
    for line, turn in zip(lines, DIARIZED.turns, strict=True):
        kind, _, channel, start, length, *_, label, _, _ = fields = line.split()
        assert (len(fields), kind, channel) == (10, "SPEAKER", "1")
        assert float(start) == pytest.approx(turn.start_s, abs=0.001)
        assert float(start) + float(length) == pytest.approx(turn.end_s, abs=0.001)
        assert label == "_".join((first if turn.speaker == "speaker_1" else second).split())


@given(ANY_NAME)
def test_no_name_breaks_out_of_its_paragraph_or_its_cue(name):
    renamed = apply_names(DIARIZED, {"speaker_1": name})
    paragraphs = as_txt(renamed).rstrip("\n").split("\n\n")
    assert len(paragraphs) == 5
    assert all(paragraph.startswith("[") and "\n" not in paragraph for paragraph in paragraphs)
    plain = as_vtt(DIARIZED).split("\n\n")
    cues = as_vtt(renamed).split("\n\n")
    assert len(cues) == len(plain)
    for cue, before in zip(cues, plain, strict=True):
        # Words and times do not change.
        assert re.sub(r"<v [^>\n]*>", "", cue) == re.sub(r"<v [^>\n]*>", "", before)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("Chair", "Chair"),
        ("  The \t new\nChair ", "The new Chair"),
        ("議長", "議長"),
        ("क\u200dष", "क\u200dष"),
        ("<b>", "<b>"),
        ("x" * 100, "x" * 100),
        (f"x{' ' * 500}y", "x y"),
        (None, None),
    ],
)
def test_a_name_is_kept_with_its_white_space_collapsed(given, name):
    assert SpeakerName.model_validate({"name": given}).name == name


@pytest.mark.parametrize(
    "name", ["", "  \n", "x" * 101, "a\x00b", "a\x7f", "\u202egnp", "\u200b", "\u2066x", "\ud800", 7, True, ["Chair"]]
)
def test_an_unreadable_name_is_invalid(name):
    with pytest.raises(ValidationError):
        SpeakerName.model_validate({"name": name})


@given(st.text())
def test_every_valid_name_fits_its_column(name):
    try:
        accepted = SpeakerName.model_validate({"name": name}).name
    except ValidationError:
        return
    assert accepted is not None
    assert 1 <= len(accepted) <= 100
    assert "\x00" not in accepted
    assert accepted.encode()
    assert SpeakerName.model_validate({"name": accepted}).name == accepted
