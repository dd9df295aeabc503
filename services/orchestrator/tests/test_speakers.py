from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicepipe_orchestrator.assemble.speakers import (
    REACH_S,
    SpeakerLabel,
    colour,
    label_words,
    number_speakers,
    smooth_flips,
    summarize_speakers,
)
from voicepipe_orchestrator.assemble.stitch import ChunkWords, stitch
from voicepipe_orchestrator.domain import Word
from voicepipe_wire.transcript.turns import Diarization, Turn

times = st.integers(0, 600).map(lambda tenths: tenths / 10)
labels = st.sampled_from(["A", "B", "C"])


def diarization(*turns, exclusive=None):
    all_turns = tuple(Turn(*turn) for turn in turns)
    return Diarization(all_turns, all_turns if exclusive is None else tuple(Turn(*turn) for turn in exclusive))


def word(start_s, end_s, text="word"):
    return Word(start_s, end_s, text, 0.9)


def in_a_row(count, *, start_s=0.0, lasts_s=0.3, gap_s=0.05):
    """Consecutive words without a pause."""
    return [word(start_s + i * (lasts_s + gap_s), start_s + i * (lasts_s + gap_s) + lasts_s) for i in range(count)]


@st.composite
def exclusive_turns(draw):
    edges = sorted(set(draw(st.lists(times, max_size=24))))
    return tuple(Turn(start, end, draw(labels)) for start, end in list(pairwise(edges))[::2])


@st.composite
def spoken(draw):
    edges = sorted(draw(st.lists(times, min_size=2, max_size=40)))
    return [word(start, end) for start, end in list(pairwise(edges))[::2]]


@given(spoken(), exclusive_turns())
def test_a_word_gets_the_speaker_whose_turns_overlap_it_most(words, turns):
    for each, label in zip(words, label_words(words, Diarization(turns, turns)), strict=True):
        shares = {}
        for turn in turns:
            common_s = min(turn.end_s, each.end_s) - max(turn.start_s, each.start_s)
            if common_s > 1e-9:
                shares[turn.speaker] = shares.get(turn.speaker, 0) + common_s
        if shares:
            assert shares[label.speaker] == pytest.approx(max(shares.values()))
        else:
            gaps = {turn: max(turn.start_s - each.end_s, each.start_s - turn.end_s, 0) for turn in turns}
            near = [turn for turn, gap_s in gaps.items() if gap_s <= REACH_S]
            assert (label.speaker is None) == (not near)
            assert not near or label.speaker in {turn.speaker for turn in near if gaps[turn] == min(gaps.values())}


def test_a_word_between_turns_gets_the_nearest_speaker_within_a_second():
    turns = diarization((0, 1, "A"), (3, 4, "B"))
    assert [label.speaker for label in label_words([word(1.2, 1.4), word(2.8, 2.9), word(5.1, 5.2)], turns)] == [
        "A",
        "B",
        None,
    ]


def test_a_word_of_length_zero_belongs_to_the_turn_around_it():
    turns = diarization((0, 1, "A"), (1, 2, "B"))
    assert [label.speaker for label in label_words([word(0.5, 0.5), word(1.0, 1.0), word(1.5, 1.5)], turns)] == [
        "A",
        "B",
        "B",
    ]


def test_words_during_crosstalk_are_marked_as_overlap():
    turns = diarization((0, 2, "A"), (1, 3, "B"), exclusive=[(0, 1.5, "A"), (1.5, 3, "B")])
    marks = [
        label.overlap for label in label_words([word(0, 0.9), word(0.8, 1.3), word(1.9, 2.4), word(2.5, 3)], turns)
    ]
    assert marks == [False, True, False, False]


@given(exclusive_turns(), spoken())
def test_no_word_is_marked_without_overlapping_turns(turns, words):
    assert not any(label.overlap for label in label_words(words, Diarization(turns, turns)))


def labels_of(letters):
    return [SpeakerLabel(None if letter == "-" else letter) for letter in letters]


@pytest.mark.parametrize(
    ("speakers", "expected"),
    [
        ("AABAA", "AAAAA"),
        ("AABBBAA", "AAAAAAA"),
        ("AABBBBAA", "AABBBBAA"),  # four words are diarization, not slipped
        ("AABB", "AABB"),  # not between words of the same speaker
        ("BAA", "BAA"),
        ("AABCAA", "AABCAA"),
        ("AA-AA", "AAAAA"),
        ("--B--", "--B--"),
        ("ABABA", "AAAAA"),
    ],
)
def test_short_flips_inside_a_sentence_are_smoothed(speakers, expected):
    assert smooth_flips(in_a_row(len(speakers)), labels_of(speakers)) == tuple(labels_of(expected))


def test_a_flip_between_pauses_is_kept():
    words = [*in_a_row(2), *in_a_row(1, start_s=1.0), *in_a_row(2, start_s=1.4)]
    assert smooth_flips(words, labels_of("AABAA")) == tuple(labels_of("AABAA"))


def test_a_flip_during_crosstalk_is_kept():
    labels = [SpeakerLabel("A"), SpeakerLabel("A"), SpeakerLabel("B", overlap=True), SpeakerLabel("A")]
    assert smooth_flips(in_a_row(4), labels) == tuple(labels)


@given(st.lists(labels, min_size=1, max_size=30))
def test_smoothing_adds_no_speaker_and_keeps_first_and_last_word(speakers):
    result = smooth_flips(in_a_row(len(speakers)), labels_of(speakers))
    assert {label.speaker for label in result} <= set(speakers)
    assert (result[0].speaker, result[-1].speaker) == (speakers[0], speakers[-1])


def test_speakers_are_numbered_by_first_words_and_those_without_words_come_last():
    turns = diarization((0, 1, "Z"), (1, 2, "B"), (2, 3, "A"))
    assert number_speakers(turns, ["A", None, "B", "A"]) == {"A": "speaker_1", "B": "speaker_2", "Z": "speaker_3"}


def test_the_summary_has_talk_time_share_and_segments():
    turns = diarization((0, 3, "A"), (2, 3, "B"), (3, 4, "A"))
    first, second = summarize_speakers(turns, number_speakers(turns, ["A", "B", "A"]), ["A", "B", "A"])
    assert (first.id, first.name, first.talk_s, first.share, first.segments) == ("speaker_1", "Speaker 1", 4, 0.8, 2)
    assert (second.id, second.talk_s, second.share, second.segments) == ("speaker_2", 1, 0.2, 1)


@given(exclusive_turns())
def test_shares_of_talk_time_add_up_to_one(turns):
    summaries = summarize_speakers(Diarization(turns, turns), number_speakers(Diarization(turns, turns), []), [])
    assert not summaries or sum(summary.share for summary in summaries) == pytest.approx(1)


def luminance(colour_):
    parts = [int(colour_[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_colours_are_distinct_and_readable_on_white_and_on_black():
    colours = [colour(number) for number in range(50)]
    assert len(set(colours)) == 50
    for each in colours:
        light = luminance(each)
        assert 1.05 / (light + 0.05) >= 4.5
        assert (light + 0.05) / 0.05 >= 4.5


@given(spoken(), exclusive_turns())
def test_every_word_is_in_one_segment_and_a_segment_has_one_speaker(words, turns):
    segments = stitch([ChunkWords(0, tuple(words), "en")], diarization=Diarization(turns, turns))
    assert [each.text for segment in segments for each in segment.words] == [each.text for each in words]
    assert all(len(segment.overlaps) == len(segment.words) for segment in segments)
    assert {segment.speaker for segment in segments} <= {None, *(turn.speaker for turn in turns)}


def test_a_segment_ends_where_the_speaker_changes():
    words = (word(0, 0.4, "yes"), word(0.45, 0.9, "we"), word(1.2, 1.6, "no"), word(1.65, 2, "you"))
    segments = stitch([ChunkWords(0, words, "en")], diarization=diarization((0, 1, "A"), (1.1, 2, "B")))
    assert [(segment.speaker, segment.text) for segment in segments] == [("A", "yes we"), ("B", "no you")]
