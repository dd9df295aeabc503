"""Where a frame lies in a recording, by what its timestamps do."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from voicepipe_orchestrator.prepare.decoder.timeline import CONFIRMING, JITTER_S, Timeline

FRAME_S = 0.02
HOUR_S = 3600.0


def never(_before_s, _after_s):
    return False


def placed(stamps, *, zero_s=0.0, max_s=12 * HOUR_S, is_break=never, is_timed=True):
    """The start of every frame, in the order of the frames."""
    timeline = Timeline(zero_s, max_s, is_break, is_timed=is_timed)
    starts, at_s = {}, 0.0
    found = [each for number, stamp in enumerate(stamps) for each in timeline.feed(number, stamp, FRAME_S)]
    for each in [*found, *timeline.finish()]:
        at_s += each.silence_s
        starts[each.frame] = at_s
        at_s += FRAME_S
    assert list(starts) == list(range(len(stamps)))
    assert at_s == pytest.approx(timeline.position_s)
    return list(starts.values())


def steady(start_s, count=10):
    return [start_s + number * FRAME_S for number in range(count)]


@pytest.mark.parametrize("gap_s", [0.05, 0.7, 5.0, 660.0, 5 * HOUR_S])
def test_a_gap_becomes_silence_of_its_length(gap_s):
    stamps = [*steady(0), *steady(0.2 + gap_s)]
    assert placed(stamps) == pytest.approx(stamps)


def test_audio_that_starts_late_keeps_its_offset():
    assert placed(steady(7.0), zero_s=2.5) == pytest.approx(steady(4.5))


@given(st.lists(st.floats(-JITTER_S / 2, JITTER_S / 2), min_size=1, max_size=60))
def test_jitter_moves_nothing(errors):
    stamps = [number * FRAME_S + error for number, error in enumerate(errors)]
    assert placed(stamps) == pytest.approx([number * FRAME_S for number in range(len(errors))])


def test_jitter_never_adds_up():
    stamps = [number * FRAME_S + 0.03 * (number % 2) for number in range(5000)]
    assert max(abs(start - number * FRAME_S) for number, start in enumerate(placed(stamps))) <= JITTER_S


@pytest.mark.parametrize("again_s", [0.0, -50.0, 3.0])
def test_timestamps_that_start_again_continue_after_what_was_heard(again_s):
    stamps = [*steady(0, 500), *steady(again_s, 500)]
    assert placed(stamps) == pytest.approx([number * FRAME_S for number in range(1000)])


def test_gaps_after_a_restart_are_kept():
    stamps = [*steady(0, 500), *steady(0, 100), *steady(60, 100)]
    starts = placed(stamps)
    assert starts[600] - starts[500] == pytest.approx(60)


def test_a_jump_of_all_clocks_is_another_recording():
    stamps = [*steady(0), *steady(9000)]
    assert placed(stamps, is_break=lambda before_s, after_s: after_s - before_s > 60) == pytest.approx(steady(0, 20))


@pytest.mark.parametrize("damaged", range(1, CONFIRMING + 1))
@pytest.mark.parametrize("stamp_s", [1e5, -1e5, 2000.0])
def test_a_few_damaged_timestamps_move_nothing(damaged, stamp_s):
    stamps = steady(0, 40)
    stamps[10 : 10 + damaged] = [stamp_s * (number + 1) for number in range(damaged)]
    assert placed(stamps) == pytest.approx(steady(0, 40))


def test_a_jump_of_the_last_frame_is_believed():
    stamps = [*steady(0), 30.0]
    assert placed(stamps)[-1] == pytest.approx(30.0)


def test_an_overlap_keeps_both_pieces():
    stamps = [*steady(0, 100), *steady(1.5, 100)]  # half a second again
    assert placed(stamps) == pytest.approx([number * FRAME_S for number in range(200)])


def test_frames_without_timestamps_follow_each_other():
    assert placed([0.0, None, None, 0.06]) == pytest.approx(steady(0, 4))


def test_formats_without_timestamps_of_their_own_have_no_gaps():
    assert placed([5.0, 90.0, 3.0], is_timed=False) == pytest.approx(steady(0, 3))


def test_silence_does_not_go_beyond_the_longest_recording():
    stamps = [*steady(0), *steady(11 * HOUR_S), *steady(10**9)]
    starts = placed(stamps)
    assert starts[-1] < 12 * HOUR_S


@settings(max_examples=300)
@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), max_size=80))
def test_any_timestamps_keep_every_frame_in_order_and_apart(stamps):
    starts = placed(stamps)
    assert all(after - before >= FRAME_S - 1e-6 for before, after in itertools.pairwise(starts))
    assert not starts or starts[-1] <= 12 * HOUR_S + len(stamps) * FRAME_S
