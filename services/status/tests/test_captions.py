"""Captions are readable: narrow, short, in order, and with every word."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicepipe_status.formats.captions import (
    CLOSED_GAP_MS,
    MAX_COLUMNS,
    MAX_LABEL_COLUMNS,
    MAX_LINES,
    MAX_MS,
    MIN_MS,
    Caption,
    CaptionSegment,
    CaptionWord,
    captions,
    columns,
)

texts = st.sampled_from(
    ["a", "word", "comma,", "end.", "x" * 30, "y" * 43, "z" * 100, "你好", "世" * 60, "e\u0301", "\u0301", "🙂"]
)
lengths = st.sampled_from([0.0, 0.001, 0.05, 0.3, 1.0, 9.0])
pauses = st.sampled_from([0.0, 0.0, 0.1, 0.4, 1.5, 20.0])
speakers = st.sampled_from([None, None, "ann", "ben"])
rows = st.lists(st.tuples(pauses, lengths, texts), max_size=8)


@st.composite
def transcripts(draw):
    segments, at_s = [], 0.0
    for _ in range(draw(st.integers(0, 5))):
        words = []
        for pause_s, lasts_s, text in draw(rows) * draw(st.sampled_from([1, 4])):
            at_s += pause_s
            words.append(CaptionWord(at_s, at_s + lasts_s, text))
            at_s += lasts_s
        segments.append(
            CaptionSegment(
                tuple(words), draw(st.booleans()), draw(speakers), draw(st.sampled_from([False, False, True]))
            )
        )
    return segments


def sentence(text, start_s=0.0, word_s=0.3, **fields):
    """A segment of words without pauses."""
    words = text.split()
    return CaptionSegment(
        tuple(CaptionWord(start_s + i * word_s, start_s + (i + 1) * word_s, word) for i, word in enumerate(words)),
        **fields,
    )


def lines(segments):
    return [caption.lines for caption in captions(segments)]


@given(transcripts())
def test_no_caption_is_wider_or_higher_than_the_screen_allows(segments):
    for caption in captions(segments):
        assert 1 <= len(caption.lines) <= MAX_LINES
        assert all(columns(line) <= MAX_COLUMNS for line in caption.lines)
        assert all(line.strip() == line and line for line in caption.lines)


@given(transcripts(), st.sampled_from(["Ann:", "Channel 12:", "n" * 29 + ":", "世" * 40 + ":", "a name " * 9 + ":"]))
def test_each_caption_with_a_label_begins_with_it_and_is_no_larger_for_that(segments, label):
    for caption in captions(segments, label):
        assert caption.lines[0].startswith(label if columns(label) <= MAX_LABEL_COLUMNS else label[:5])
        assert len(caption.lines) <= MAX_LINES
        assert max(map(columns, caption.lines)) <= MAX_COLUMNS


def test_a_label_leaves_less_room_for_the_words():
    said = [sentence("one two three four five six seven eight nine ten eleven twelve thirteen fourteen")]
    (plain,), labelled = captions(said), captions(said, "Channel 1:")
    assert "".join(plain.lines).split()[0] == "one"
    assert [" ".join(caption.lines).split()[:2] for caption in labelled] == [["Channel", "1:"]] * 2


@given(transcripts())
def test_every_word_is_shown_once_and_in_order(segments):
    captions_shown = "".join(line for caption in captions(segments) for line in caption.lines)
    assert captions_shown.replace(" ", "") == "".join(word.text for segment in segments for word in segment.words)


@given(transcripts())
def test_captions_never_overlap_and_each_has_a_duration(segments):
    captions_shown = captions(segments)
    assert all(caption.start_ms < caption.end_ms <= caption.start_ms + MAX_MS for caption in captions_shown)
    assert all(before.end_ms <= after.start_ms for before, after in itertools.pairwise(captions_shown))


@given(transcripts())
def test_a_caption_stays_for_a_second_where_there_is_room(segments):
    for before, after in itertools.pairwise(captions(segments)):
        assert before.end_ms - before.start_ms >= min(MIN_MS, after.start_ms - before.start_ms)


@given(transcripts())
def test_the_screen_does_not_flicker_between_captions(segments):
    for before, after in itertools.pairwise(captions(segments)):
        blank_ms = after.start_ms - before.end_ms
        assert blank_ms == 0 or blank_ms >= CLOSED_GAP_MS or after.start_ms - before.start_ms > MAX_MS


@given(transcripts())
def test_one_caption_holds_the_words_of_one_speaker(segments):
    spoken = [(segment.speaker, len("".join(word.text for word in segment.words))) for segment in segments]
    by_character = [speaker for speaker, length in spoken for _ in range(length)]
    captions_shown = [
        caption.speaker for caption in captions(segments) for line in caption.lines for _ in line.replace(" ", "")
    ]
    assert captions_shown == by_character


def test_lines_break_between_words():
    text = "in the beginning there was only a very long sentence which had no mark in it and would not fit anywhere"
    captions_shown = lines([sentence(text)])
    assert " ".join(line for caption in captions_shown for line in caption) == text
    assert len(captions_shown) == 2


def test_a_word_wider_than_a_line_is_split_across_lines():
    (caption,) = captions([CaptionSegment((CaptionWord(0.0, 6.0, "x" * 60),))])
    assert caption == Caption(0, 6000, ("x" * 42, "x" * 18), None)


def test_a_wide_character_takes_two_columns():
    assert [columns(text) for text in ("ab", "世界", "e\u0301", "ｱ", "\uff01")] == [2, 4, 1, 1, 2]
    captions_shown = lines(
        [CaptionSegment(tuple(CaptionWord(i / 10, (i + 1) / 10, "世") for i in range(42)), spaced=False)]
    )
    assert captions_shown == [("世" * 21, "世" * 21)]


def test_a_sentence_ends_its_caption_where_both_do_not_fit():
    first, second = (
        "This is the first sentence and it takes more than a line.",
        "The second is about as long as the first one.",
    )
    assert [" ".join(caption) for caption in lines([sentence(f"{first} {second}")])] == [first, second]


def test_short_sentences_share_a_caption_and_the_line_breaks_between_them():
    captions_shown = lines([sentence("Yes, I have seen it in the garden."), sentence("Nobody else was there.", 2.1)])
    assert captions_shown == [("Yes, I have seen it in the garden.", "Nobody else was there.")]


def test_words_are_not_shown_long_before_they_are_spoken():
    captions_shown = captions([sentence("Wait."), sentence("Now!", 1.4)])
    assert [(caption.start_ms, caption.lines) for caption in captions_shown] == [(0, ("Wait.",)), (1400, ("Now!",))]


def test_a_caption_is_cut_at_a_comma_rather_than_elsewhere():
    captions_shown = lines(
        [
            sentence(
                "when the river rose over the bridge in march, we left the house and the old garden without looking back"
            )
        ]
    )
    assert captions_shown[0][-1].endswith("march,")


def test_a_short_word_stays_until_it_can_be_read_but_not_into_the_next_caption():
    alone = CaptionSegment((CaptionWord(0.0, 0.2, "Yes."),))
    assert captions([alone])[0].end_ms == MIN_MS
    hurried = [alone, CaptionSegment((CaptionWord(0.6, 2.0, "No."),), speaker="ann")]
    assert [(caption.start_ms, caption.end_ms) for caption in captions(hurried)] == [(0, 600), (600, 2000)]


def test_a_caption_of_a_fast_speaker_extends_into_the_silence_after_it():
    (caption,) = captions([sentence("so many words in so short a time that nobody can read", word_s=0.1)])
    assert caption.end_ms == pytest.approx(
        len("so many words in so short a time that nobody can read") / 17 * 1000, abs=1
    )


def test_a_standalone_segment_shares_no_caption():
    mark = CaptionSegment((CaptionWord(0.3, 0.9, "[inaudible 00:00:00-00:00:01]"),), standalone=True)
    assert lines([sentence("One"), mark, sentence("two.", 0.9)]) == [
        ("One",),
        ("[inaudible 00:00:00-00:00:01]",),
        ("two.",),
    ]


def test_without_words_there_are_no_captions():
    assert captions([]) == ()
    assert captions([CaptionSegment(()), CaptionSegment((CaptionWord(0, 1, " \n"),))]) == ()
