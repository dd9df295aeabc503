"""Cursors, ranges, file names and estimates, by property."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicepipe_status.eta import StageProgress, eta_s
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


def eta(*stages: StageProgress, duration_s=100.0, speech_s=80.0, **speeds: float) -> float | None:
    return eta_s(stages, duration_s=duration_s, speech_s=speech_s, speeds=speeds, now=NOW)


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


@given(
    st.lists(
        st.builds(
            StageProgress,
            st.sampled_from(["prepare", "transcribe", "diarize", "assemble"]),
            st.sampled_from(["waiting", "queued", "running", "done", "skipped"]),
            st.floats(0, 1e5),
            st.floats(0, 1e5),
            st.none() | st.timedeltas(timedelta(), timedelta(days=1)).map(lambda ago: NOW - ago),
        ),
        unique_by=lambda each: each.stage,
    ),
    st.none() | st.floats(0, 1e5),
    st.dictionaries(st.sampled_from(["prepare", "transcribe", "diarize", "assemble"]), st.floats(0.01, 1e4)),
)
def test_an_estimate_is_never_negative(stages, length_s, speeds):
    result = eta_s(stages, duration_s=length_s, speech_s=length_s, speeds=speeds, now=NOW)
    assert result is None or result >= 0
