"""The warnings about a file, and their sentences."""

from dataclasses import replace

import pytest
from voicepipe_orchestrator.domain import SAMPLE_RATE
from voicepipe_orchestrator.prepare.findings import clock, seconds, warnings_of
from voicepipe_orchestrator.prepare.report import Found, Report
from voicepipe_wire.error_catalogue import WARNINGS
from voicepipe_wire.transcript.media import AudioTrack, Media

PLAIN = Media("mp4", "aac", 48_000, 2, "mix", "related", 1, (AudioTrack(1, "aac", 2, 48_000, "heard"),), 60.0)
FOUND = Found(60 * SAMPLE_RATE, PLAIN, 0.0, 0.0, -3.0)


def sentences(found, speech_s=30.0):
    return {each.code: WARNINGS[each.code].detail(**each.values) for each in warnings_of(found, speech_s)}


def tracks(*states, default=0):
    return tuple(AudioTrack(n, "aac", 2, 48_000, state, n == default) for n, state in enumerate(states, 1))


def with_tracks(heard, *states, default=0):
    return replace(FOUND, media=replace(PLAIN, track=heard, tracks=tracks(*states, default=default)))


def test_a_plain_file_has_no_warnings():
    assert sentences(FOUND) == {}


def test_a_loss_is_said_with_how_much_and_where():
    found = replace(FOUND, missing_s=200.0, lost_s=2.55, first_s=64.2)
    warned = {each.code: each for each in warnings_of(found, 30.0)}
    assert "3 min 20 s" in sentences(found)["truncated_media"]
    assert (warned["truncated_media"].start_s, warned["truncated_media"].duration_s) == (60.0, 200.0)
    assert "2.5 s in all, the first at 1:04" in sentences(found)["damaged_parts"]
    assert (warned["damaged_parts"].start_s, warned["damaged_parts"].duration_s) == (64.2, 2.55)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (with_tracks(2, "silent", "heard"), "track 1 is silent"),
        (with_tracks(3, "silent", "silent", "heard"), "tracks 1 and 2 are silent"),
        (with_tracks(2, "undecodable", "heard"), "track 1 is in a codec that is not supported"),
        (with_tracks(2, "unused", "heard", default=2), "players play it by default"),
        (with_tracks(1, "heard", "unused"), "it is the first one"),
    ],
)
def test_the_choice_of_a_track_has_its_reason(found, reason):
    assert reason in sentences(found)["several_tracks"]


def test_a_track_that_was_asked_for_needs_no_other_reason():
    (warning,) = warnings_of(with_tracks(1, "heard", "undecodable"), 30.0, wished_track=1)
    assert warning.values["reason"] == "it was asked for"


def test_numbers_in_a_refusal_stay_whole():
    report = Report()
    report._line(b'{"error": "track_missing", "values": {"track": 9, "count": "2"}}')
    assert str(report.error.values["track"]) == "9"


def test_separate_channels_are_said_only_if_nobody_asked_for_them():
    separate = replace(PLAIN, channel_mode="separate", channel_reason="independent")
    assert "channels_separated" in sentences(replace(FOUND, media=separate))
    assert sentences(replace(FOUND, media=replace(separate, channel_reason="requested"))) == {}


def test_inverted_channels_are_named():
    media = replace(PLAIN, channels=4, inverted_channels=(2, 3))
    assert "channels 2 and 3 were inverted" in sentences(replace(FOUND, media=media))["channels_inverted"]


def test_silence_is_said_with_its_level():
    assert "1 min 0 s of audio, whose loudest sound has -62 dBFS" in sentences(replace(FOUND, peak_dbfs=-62.3), 0.0)["no_speech"]  # fmt: skip


def test_durations_and_times_are_for_people():
    assert [seconds(each) for each in (0.26, 9.94, 59.6, 3600.0)] == ["0.3 s", "9.9 s", "1 min 0 s", "60 min 0 s"]
    assert [clock(each) for each in (4.9, 64, 7209)] == ["0:04", "1:04", "2:00:09"]


LIES = [
    b"\xff\xfe\x00garbage",
    b"[1, 2, 3]",
    b'{"media": {"container": 1}, "samples": "many"}',
    b'{"error": "no_such_code", "values": {}}',
    b'{"error": "too_long", "values": [1]}',
    b'{"voices": 1000000000000}',
    b'{"stated_s": -5}',
    b'{"stated_s": 1e308}',
    b"{" * 5000,
]


@pytest.mark.parametrize("line", LIES)
def test_a_decoder_that_was_taken_over_can_only_say_nonsense(line):
    report = Report()
    report._line(line)
    assert (report.found, report.error, report.stated_s) == (None, None, None)
    assert 1 <= report.voices <= 256
