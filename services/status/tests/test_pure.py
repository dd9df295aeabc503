"""Cursors, ranges, file names and estimates, by property."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicepipe_status.eta import NO_WAITS, StageProgress, eta_s
from voicepipe_status.http import cursors, ranges
from voicepipe_status.http.disposition import content_disposition, with_suffix
from voicepipe_wire.errors import Problem

NOW = datetime(2026, 3, 1, tzinfo=UTC)
moments = st.integers(0, 2**53).map(lambda us: NOW + timedelta(microseconds=us)) | st.integers(0, 2**45).map(
    lambda us: NOW - timedelta(microseconds=us)
)


@given(moments, st.uuids())
def test_a_cursor_decodes_to_its_position(moment, job_id):
    position = cursors.Position(moment, job_id)
    assert cursors.decode(cursors.encode(position)) == position


@given(st.text())
def test_any_text_decodes_to_a_position_or_is_a_bad_cursor(text):
    try:
        position = cursors.decode(text)
    except Problem as problem:
        code = problem.code
    else:
        code = None if isinstance(position, cursors.Position) else "not a position"
    assert code in {None, "bad_cursor"}


@given(st.integers(1, 10_000), st.integers(0, 20_000), st.none() | st.integers(0, 20_000))
def test_a_range_lies_within_the_recording(size_bytes, first, last):
    header = f"bytes={first}-{'' if last is None else last}"
    if first >= size_bytes and (last is None or last >= first):
        with pytest.raises(Problem) as refused:
            ranges.parse_range(header, size_bytes)
        assert refused.value.status == 416
        return
    result = ranges.parse_range(header, size_bytes)
    if result is None:
        assert last is not None
        assert last < first
        return
    start, end = result
    assert 0 <= start < end <= size_bytes
    assert start == first
    assert end == (size_bytes if last is None else min(last + 1, size_bytes))


@given(st.text(min_size=1))
def test_the_header_is_one_line_of_ascii_for_any_name(name):
    header = content_disposition("inline", name.encode("utf-8", "ignore").decode())
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2


@pytest.mark.parametrize(
    ("name", "file"),
    [("a.wav", "a.srt"), ("a", "a.srt"), ("a.b.mp3", "a.b.srt"), (".wav", ".wav.srt"), ("", "transcript.srt")],
)
def test_a_transcript_is_named_after_its_recording(name, file):
    assert with_suffix(name, "srt") == file


def stage(
    name: str, state: str, done_s: float = 0, total_s: float = 0, running_for_s: float | None = None
) -> StageProgress:
    started = None if running_for_s is None else NOW - timedelta(seconds=running_for_s)
    return StageProgress(name, state, done_s, total_s, started)


def eta(*stages: StageProgress, duration_s=100.0, speech_s=80.0, waits_s=NO_WAITS, **speeds: float) -> float | None:
    return eta_s(stages, duration_s=duration_s, speech_s=speech_s, speeds=speeds, now=NOW, waits_s=waits_s)


def test_without_a_measured_speed_there_is_no_estimate():
    assert eta(stage("transcribe", "queued")) is None


def test_without_a_length_there_is_no_estimate():
    assert eta(stage("prepare", "queued"), duration_s=None, prepare=10.0) is None


def test_a_stage_uses_its_own_speed_once_a_tenth_is_done():
    assert eta(stage("transcribe", "running", 8, 80, running_for_s=2), transcribe=1.0) == 18.0
    assert eta(stage("transcribe", "running", 7, 80, running_for_s=2), transcribe=1.0) == 73.0


def test_of_concurrent_stages_the_longer_one_counts():
    both = (stage("transcribe", "queued"), stage("diarize", "queued"), stage("assemble", "waiting"))
    assert eta(*both, transcribe=8.0, diarize=4.0, assemble=100.0) == 25.0 + 1.0


def test_finished_and_skipped_stages_take_no_time():
    assert (
        eta(stage("prepare", "done", 100, 100), stage("diarize", "skipped"), stage("transcribe", "running", 80, 80))
        == 0.0
    )


WHOLE = (stage("prepare", "queued"), *(stage(name, "waiting") for name in ("transcribe", "diarize", "assemble")))
SPEEDS = {"prepare": 100.0, "transcribe": 8.0, "diarize": 4.0, "assemble": 100.0}  # 1, 10, 25 and 1 s


@pytest.mark.parametrize(
    ("waits_s", "expected_s"),
    [
        ({}, 1 + 25 + 1),
        ({"prepare": 5.0}, 5 + 1 + 25 + 1),
        ({"diarize": 0.5}, 1 + 25 + 1),  # it starts while the recording is prepared
        ({"diarize": 40.0}, 40 + 25 + 1),
        ({"transcribe": 10.0}, 1 + 25 + 1),  # ends with the speakers all the same
        ({"transcribe": 40.0}, 40 + 10 + 1),
        ({"assemble": 20.0}, 1 + 25 + 1),
        ({"assemble": 60.0}, 60 + 1),
        ({"diarize": None}, None),
    ],
)
def test_a_stage_waits_for_its_workers_while_earlier_stages_go_on(waits_s, expected_s):
    assert eta(*WHOLE, waits_s=waits_s, **SPEEDS) == expected_s


def test_stages_that_run_or_have_ended_wait_for_nobody():
    stages = (stage("prepare", "done"), stage("transcribe", "running"), stage("diarize", "skipped"))
    asleep = {"prepare": 60.0, "transcribe": None, "diarize": None, "assemble": 60.0}
    assert eta(*stages, waits_s=asleep, **SPEEDS) == 10.0


STAGES = ("prepare", "transcribe", "diarize", "assemble")
some_stages = st.lists(
    st.builds(
        StageProgress,
        st.sampled_from(STAGES),
        st.sampled_from(["waiting", "queued", "running", "done", "skipped"]),
        st.floats(0, 1e5),
        st.floats(0, 1e5),
        st.none() | st.timedeltas(timedelta(), timedelta(days=1)).map(lambda ago: NOW - ago),
    ),
    unique_by=lambda each: each.stage,
)
lengths_s = st.none() | st.floats(0, 1e5)
some_speeds = st.dictionaries(st.sampled_from(STAGES), st.floats(0.01, 1e4))
some_waits = st.dictionaries(st.sampled_from(STAGES), st.floats(0, 1e4))


@given(some_stages, lengths_s, some_speeds, some_waits)
def test_an_estimate_is_never_negative(stages, length_s, speeds, waits_s):
    result = eta(*stages, duration_s=length_s, speech_s=length_s, waits_s=waits_s, **speeds)
    assert result is None or result >= 0


@given(some_stages, st.floats(0, 1e5), some_speeds, some_waits, st.sampled_from(STAGES), st.floats(0, 1e4))
def test_a_longer_wait_never_means_an_earlier_end(stages, length_s, speeds, waits_s, name, more_s):
    before = eta(*stages, duration_s=length_s, speech_s=length_s, waits_s=waits_s, **speeds)
    longer = {**waits_s, name: waits_s.get(name, 0.0) + more_s}
    after = eta(*stages, duration_s=length_s, speech_s=length_s, waits_s=longer, **speeds)
    assert (before is None) == (after is None)
    assert before is None or before <= after


@given(some_stages, st.floats(0, 1e5), some_speeds)
def test_workers_that_are_ready_and_workers_of_which_nobody_speaks_are_the_same(stages, length_s, speeds):
    ready = dict.fromkeys(STAGES, 0.0)
    lengths = {"duration_s": length_s, "speech_s": length_s}
    assert eta(*stages, waits_s=ready, **lengths, **speeds) == eta(*stages, **lengths, **speeds)


@given(some_stages, st.floats(0, 1e5), some_speeds)
def test_without_waiting_the_stages_follow_each_other_and_the_longer_of_the_concurrent_ones_counts(
    stages, length_s, speeds
):
    def alone(name: str) -> float | None:
        mine = [each for each in stages if each.stage == name]
        return eta(*mine, duration_s=length_s, speech_s=length_s, **speeds)

    parts = [alone(name) for name in STAGES]
    result = eta(*stages, duration_s=length_s, speech_s=length_s, **speeds)
    if None in parts:
        assert result is None
    else:
        prepare, transcribe, diarize, assemble = parts
        assert result == pytest.approx(prepare + max(transcribe, diarize) + assemble, abs=0.3)


@given(some_stages, st.floats(1, 1e5), some_waits)
def test_no_job_ends_before_the_workers_of_a_stage_that_has_not_begun(stages, length_s, waits_s):
    speeds = dict.fromkeys(STAGES, 10.0)
    estimate = eta(*stages, duration_s=length_s, speech_s=length_s, waits_s=waits_s, **speeds)
    not_begun = [waits_s.get(each.stage, 0.0) for each in stages if each.state in {"waiting", "queued"}]
    assert estimate is not None
    assert estimate >= round(max(not_begun, default=0.0), 1)
