"""One transcript rendered in every format, and the negotiation of the format."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_transcripts import EMPTY, segment, transcript
from voicepipe_status.formats.transcript_formats import Format, as_json, as_srt, as_txt, as_vtt, inaudible, negotiate
from voicepipe_wire.transcript.document import Gap, Transcript, TranscriptWord
from voicepipe_wire.transcript.media import AudioTrack, Media

SPOKEN = transcript(
    segment("Good day.", 0.0),
    segment("How are you?", 1.2),
    segment("Well.", 3600.0),
    gaps=[Gap(80.4, 108.0, "chunk_failed")],
)


def test_json_is_the_stored_document():
    assert Transcript.from_json(json.loads(as_json(SPOKEN))) == SPOKEN


def test_text_has_a_paragraph_after_a_long_pause_and_shows_gaps():
    assert as_txt(SPOKEN) == "Good day. How are you?\n\n[inaudible 00:01:20-00:01:48]\n\nWell.\n"


def test_text_names_who_speaks():
    spoken = transcript(segment("Yes.", 0, "Ann"), segment("Sure.", 0.6, "Ann"), segment("No.", 1.2, "Ben"))
    assert as_txt(spoken) == "Ann: Yes. Sure.\n\nBen: No.\n"


def test_languages_without_spaces_are_joined_without_spaces():
    spoken = transcript(
        segment("你好。", 0, language="zh"), segment("再见。", 0.6, language="zh"), segment("Bye.", 1.2)
    )
    assert as_txt(spoken) == "你好。再见。 Bye.\n"


def test_srt_has_numbered_cues_and_decimal_commas():
    assert as_srt(SPOKEN) == (
        "1\n00:00:00,000 --> 00:00:02,700\nGood day. How are you?\n\n"
        "2\n00:01:20,400 --> 00:01:27,400\n[inaudible 00:01:20-00:01:48]\n\n"
        "3\n01:00:00,000 --> 01:00:01,000\nWell.\n"
    )


def test_vtt_has_its_header_and_decimal_points():
    assert as_vtt(SPOKEN) == (
        "WEBVTT\n\n1\n00:00:00.000 --> 00:00:02.700\nGood day. How are you?\n\n"
        "2\n00:01:20.400 --> 00:01:27.400\n[inaudible 00:01:20-00:01:48]\n\n"
        "3\n01:00:00.000 --> 01:00:01.000\nWell.\n"
    )


def test_vtt_escapes_markup():
    written = as_vtt(transcript(segment("R&D --> <b>", 0, "<A> & B")))
    assert "<v &lt;A&gt; &amp; B>R&amp;D --&gt; &lt;b&gt;\n" in written


def test_speakers_are_voice_spans_in_vtt_and_names_at_each_change_in_srt():
    spoken = transcript(segment("Yes.", 0, "Ann"), segment("Sure.", 5, "Ann"), segment("No.", 10, "Ben"))
    assert [line for line in as_vtt(spoken).split("\n") if line.startswith("<")] == [
        "<v Ann>Yes.",
        "<v Ann>Sure.",
        "<v Ben>No.",
    ]
    assert as_srt(spoken).split("\n")[2::4] == ["Ann: Yes.", "Sure.", "Ben: No."]


def call(*segments, gaps=()):
    """A transcript of two channels that were transcribed apart."""
    track = AudioTrack(1, "pcm_s16le", 2, 8000, "heard")
    found = Media("wav", "pcm_s16le", 8000, 2, "separate", "independent", 1, (track,), 60.0)
    return replace(transcript(*segments, gaps=gaps), media=found)


AT_ONCE = call(
    segment("I would like to change the address of my account please.", 0.0, "Ann"),
    segment("Sure.", 2.0, "Ben"),
    segment("It is wrong.", 6.0, "Ann"),
    gaps=[Gap(9.0, 12.0, "chunk_failed")],
)


def test_who_talks_at_the_same_time_in_another_channel_is_on_screen_at_the_same_time():
    assert as_vtt(AT_ONCE) == (
        "WEBVTT\n\n1\n00:00:00.000 --> 00:00:05.500\n<v Ann>I would like to change the\naddress of my account please.\n\n"
        "2\n00:00:02.000 --> 00:00:03.000\n<v Ben>Sure.\n\n"
        "3\n00:00:06.000 --> 00:00:07.500\n<v Ann>It is wrong.\n\n"
        "4\n00:00:09.000 --> 00:00:12.000\n[inaudible 00:00:09-00:00:12]\n"
    )


def test_each_caption_of_a_channel_begins_with_its_name_in_srt():
    long = "I would like to change the address of my account please, and the telephone number, because I have moved."
    both = call(segment(long, 0.0, "Ann"), segment("Sure.", 2.0, "Ben"), segment("No.", 30.0, "Ann"))
    cues = [cue.split("\n", 2)[2].replace("\n", " ") for cue in as_srt(both).strip().split("\n\n")]
    assert len(cues) > 3
    assert [cue for cue in cues if not cue.startswith(("Ann: ", "Ben: "))] == []
    assert cues[-1] == "Ann: No."


def test_every_word_of_every_channel_is_in_one_caption():
    shown = " ".join(line for line in as_srt(AT_ONCE).split("\n") if line and not line.isdigit() and "-->" not in line)
    spoken = [word.text for each in AT_ONCE.segments for word in each.words]
    others = [word for word in shown.split() if word not in {"Ann:", "Ben:"}]
    assert sorted(others) == sorted([*spoken, "[inaudible", "00:00:09-00:00:12]"])


@given(st.text(min_size=1).filter(lambda text: text.strip()), st.none() | st.text(max_size=9))
def test_no_word_and_no_name_can_break_out_of_its_cue(text, speaker):
    spoken = transcript(
        replace(segment("word", 0, speaker), words=(TranscriptWord(0, 1, text, 1.0, speaker),), text=text)
    )
    cues = as_vtt(spoken).split("\n\n")[1:]
    assert [cue.split("\n", 1)[0] for cue in cues] == [str(number + 1) for number in range(len(cues))]
    for cue in cues:
        _, times, *shown = cue.rstrip("\n").split("\n")
        assert " --> " in times
        assert 1 <= len(shown) <= 2
        assert "-->" not in "".join(shown)


def test_an_empty_transcript_is_an_empty_file_in_every_format():
    assert as_txt(EMPTY) == ""
    assert as_srt(EMPTY) == ""
    assert as_vtt(EMPTY) == "WEBVTT\n"
    assert json.loads(as_json(EMPTY))["segments"] == []


def test_gaps_at_the_start_and_at_the_end_are_shown():
    gaps = [Gap(90.0, 91.0, "chunk_failed"), Gap(0.0, 5.0, "chunk_failed")]
    assert as_txt(transcript(segment("Good day.", 6.0), gaps=gaps)).split("\n\n") == [
        "[inaudible 00:00:00-00:00:05]",
        "Good day.",
        "[inaudible 00:01:30-00:01:31]\n",
    ]


def test_hours_may_have_more_than_two_digits():
    assert inaudible(Gap(359_999.6, 360_000.0, "chunk_failed")) == "[inaudible 99:59:59-100:00:00]"


@pytest.mark.parametrize(
    ("accept", "query", "answer"),
    [
        (None, None, Format.JSON),
        ("", None, Format.JSON),
        ("*/*", None, Format.JSON),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", None, Format.JSON),
        ("text/plain", None, Format.TXT),
        ("TEXT/VTT; charset=utf-8", None, Format.VTT),
        ("application/x-subrip", None, Format.SRT),
        ("text/*", None, Format.TXT),
        ("text/*;q=0.5, text/vtt", None, Format.VTT),
        ("text/vtt;q=0.5, application/json;q=0.4", None, Format.VTT),
        ("text/vtt, application/json", None, Format.VTT),
        ("application/json;q=0, */*", None, Format.TXT),
        ("text/plain;q=0, text/*", None, Format.VTT),
        ("*/*, text/vtt", None, Format.VTT),
        ("text/vtt;q=high, text/plain;q=0.1", None, Format.TXT),
        ("image/png", None, None),
        ("*/*;q=0", None, None),
        ("image/png", "srt", Format.SRT),
        ("text/plain", "VTT", Format.VTT),
        ("text/plain", "docx", None),
        ("application/x-rttm", None, Format.RTTM),
        ("application/*", None, Format.JSON),
        (None, "rttm", Format.RTTM),
        (None, "", None),
    ],
)
def test_the_client_gets_the_format_that_it_prefers(accept, query, answer):
    assert negotiate(accept, query) is answer


@given(st.text(max_size=40))
def test_any_accept_header_is_handled(accept):
    assert negotiate(accept, None) in {*Format, None}


def test_every_format_has_a_media_type():
    assert [each.media_type for each in Format] == [
        "application/json",
        "text/plain",
        "application/x-subrip",
        "text/vtt",
        "application/x-rttm",
    ]
