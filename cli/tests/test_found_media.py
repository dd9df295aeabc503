"""What was found in a file is said on one line, and only if a user may not expect it."""

import pytest
from fake_server import STORY
from voicepipe.client import Media

TRACKS = [{"track": number, "codec": "aac", "channels": 2, "state": "unused"} for number in (1, 2, 3)]
PLAIN = {
    "container": "wav", "codec": "pcm_s16le", "sample_rate_hz": 16_000, "channels": 2, "channel_mode": "mix",
    "channel_reason": "related", "track": 1, "tracks": TRACKS[:1], "decoded_duration_s": 3.0, "stated_duration_s": None,
    "recordings": 1, "inverted_channels": [],
}  # fmt: skip
UNEXPECTED = [
    ({"track": 2, "tracks": TRACKS}, "track 2 of 3"),
    ({"channels": 6}, "6 channels mixed"),
    ({"channel_mode": "separate"}, "2 channels, each a speaker"),
    ({"recordings": 2}, "2 recordings in one file"),
    ({"inverted_channels": [2]}, "2 channels mixed, channel 2 inverted"),
    ({"channels": 4, "inverted_channels": [1, 2, 4]}, "4 channels mixed, channels 1, 2 and 4 inverted"),
    ({"track": 2, "tracks": TRACKS, "channels": 6, "recordings": 2},
     "track 2 of 3, 6 channels mixed; 2 recordings in one file"),
]  # fmt: skip
DAMAGED = {"code": "damaged_parts", "message": "2.5 s could not be read in API.", "start_s": 64.2, "duration_s": 2.5}
ASSUMED = {"code": "language_assumed", "message": "English was assumed."}


@pytest.mark.parametrize("channels", [1, 2])
def test_nothing_is_said_of_one_recording_of_one_track_in_mono_or_stereo(channels):
    assert Media.from_json(PLAIN | {"channels": channels}).summary is None


@pytest.mark.parametrize(("found", "said"), UNEXPECTED, ids=[said for _, said in UNEXPECTED])
def test_what_a_user_may_not_expect_is_said_on_one_line(found, said):
    assert Media.from_json(PLAIN | found).summary == said


def test_an_answer_of_another_version_is_read():
    assert Media.from_json({}).summary is None
    assert Media.from_json(PLAIN | {"loudness_lufs": -23.0, "channel_reason": "new"}).tracks[0].codec == "aac"


def test_after_a_transcription_and_in_get_there_is_one_line_about_the_file(voicepipe, fake, recording):
    fake.media = PLAIN | {"track": 2, "tracks": TRACKS}
    done = voicepipe("transcribe", recording)
    assert [line for line in done.stderr.splitlines() if "audio:" in line] == [f"{recording}: audio: track 2 of 3"]
    shown = voicepipe("get", next(iter(fake.jobs)))
    assert shown.stderr.splitlines() == ["Audio: track 2 of 3"]
    assert (done.exit_code, shown.exit_code, shown.stdout) == (0, 0, done.stdout)


@pytest.mark.parametrize("media", [None, PLAIN])
def test_of_a_plain_file_there_is_no_line(voicepipe, fake, recording, media):
    fake.media = media
    assert "audio:" not in voicepipe("transcribe", recording).stderr
    assert voicepipe("get", next(iter(fake.jobs))).stderr == ""


def test_a_warning_has_its_time_if_it_has_one(voicepipe, fake, recording):
    fake.warnings = [DAMAGED, ASSUMED]
    told = voicepipe("transcribe", recording).stderr.splitlines()
    assert f"{recording}: warning at 1:04: 2.5 s could not be read in API." in told
    assert f"{recording}: warning: English was assumed." in told
    assert voicepipe("get", next(iter(fake.jobs))).stderr.splitlines() == [
        "Warning at 1:04: 2.5 s could not be read in API.",
        "Warning: English was assumed.",
    ]


def test_a_warning_has_its_time_while_it_is_watched(voicepipe, fake):
    beginning = {"code": "no_speech", "message": "No speech was found.", "start_s": 0.0, "duration_s": None}
    events = [("job-warned", each) for each in (DAMAGED, ASSUMED, beginning)]
    told = voicepipe("watch", fake.add_job("a.wav", story=[*events, STORY[-1]])).stderr.splitlines()
    assert told[:3] == [
        "Warning at 1:04: 2.5 s could not be read in API.",
        "Warning: English was assumed.",
        "Warning at 0:00: No speech was found.",
    ]


def test_channels_and_track_reach_the_server(voicepipe, fake, recording):
    assert voicepipe("transcribe", recording, "--channels", "separate", "--track", "2").exit_code == 0
    (upload,) = fake.uploads.values()
    assert (upload.metadata["channels"], upload.metadata["track"]) == ("separate", "2")


def test_separate_channels_are_speakers_enough_for_rttm(voicepipe, recording):
    assert "--speakers" in voicepipe("transcribe", recording, "-f", "rttm").stderr
    assert "--speakers" not in voicepipe("transcribe", recording, "-f", "rttm", "--channels", "separate").stderr
