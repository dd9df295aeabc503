"""Speakers: how many to expect, which one is meant, their names, and diarizing again."""

import json

import pytest
from fake_routes import FORMATS
from fake_server import STORY
from fake_speakers import AGAIN, AGAIN_FAILED, speaker, speakers
from hypothesis import given
from hypothesis import strategies as st
from voicepipe.client import ApiError, NoSpeakers, NoSuchSpeaker, Options, Speaker, SpeakerLimits
from voicepipe.events import JobCompleted
from voicepipe.speakers import find_speaker

NUMBERS = st.integers(1, 50)


def people(*names):
    return [Speaker.from_json(speaker(number, name)) for number, name in enumerate(names, start=1)]


@given(NUMBERS, NUMBERS)
def test_limits_are_parsed(one, other):
    least, most = sorted((one, other))
    assert SpeakerLimits.from_text(f"{least}..{most}") == SpeakerLimits(least, most)
    assert SpeakerLimits.from_text(f"{least}..") == SpeakerLimits(least, None)
    assert SpeakerLimits.from_text(f"..{most}") == SpeakerLimits(None, most)
    assert SpeakerLimits.from_text(f"{least}") == SpeakerLimits(least, least)


def test_auto_leaves_the_number_open():
    assert SpeakerLimits.from_text("auto") == SpeakerLimits()
    assert SpeakerLimits().to_json() == {}


@pytest.mark.parametrize("text", ["", "..", "two", "2-4", "-1", "2..4..6", "2.4", " 2", "٢", "99999"])
def test_malformed_limits_are_refused(text):
    with pytest.raises(ValueError, match=r"is not a number of speakers\. Give 2, 2\.\.4"):
        SpeakerLimits.from_text(text)


@pytest.mark.parametrize(("text", "says"), [("0", "from 1 to 50"), ("2..51", "from 1 to 50"), ("4..2", r"2\.\.4")])
def test_impossible_limits_are_refused(text, says):
    with pytest.raises(ValueError, match=says):
        SpeakerLimits.from_text(text)


@pytest.mark.parametrize("reference", ["speaker_2", "SPEAKER_2", "2", "chair", " Chair "])
def test_a_speaker_is_found_by_id_number_or_name(reference):
    assert find_speaker(people("Ada", "Chair", None), reference).id == "speaker_2"


def test_the_id_wins_over_a_name_that_looks_like_one():
    assert find_speaker(people("speaker_2", "Ada"), "speaker_2").id == "speaker_2"


@pytest.mark.parametrize(("reference", "names"), [("2", ("2", "Ada")), ("ada", ("Ada", "ADA"))])
def test_an_ambiguous_reference_is_refused(reference, names):
    with pytest.raises(NoSuchSpeaker, match=r"matches speaker_1 \(.*\), speaker_2 \(.*\)\. Give the id"):
        find_speaker(people(*names), reference)


def test_an_unknown_reference_lists_the_speakers():
    with pytest.raises(NoSuchSpeaker, match=r"no speaker 'Bob'.*speaker_1 \(Ada\), speaker_2 \(Speaker 2\)"):
        find_speaker(people("Ada", None), "Bob")
    with pytest.raises(NoSpeakers):
        find_speaker([], "Bob")


@pytest.mark.parametrize(
    ("count", "sent"),
    [
        ("2", {"diarize": "true", "min_speakers": "2", "max_speakers": "2"}),
        ("2..4", {"diarize": "true", "min_speakers": "2", "max_speakers": "4"}),
        ("2..", {"diarize": "true", "min_speakers": "2"}),
        ("..4", {"diarize": "true", "max_speakers": "4"}),
        ("auto", {"diarize": "true"}),
        (None, {}),
    ],
)
def test_speaker_limits_reach_the_server(voicepipe, fake, recording, count, sent):
    assert voicepipe("transcribe", recording, *(["--speakers", count] if count else [])).exit_code == 0
    (upload,) = fake.uploads.values()
    assert {name: value for name, value in upload.metadata.items() if not name.startswith("file")} == sent


@pytest.mark.parametrize("words", [["--speakers", "4..2"], ["--speakers", "0"], ["--format", "rttm"]])
def test_wrong_usage_is_refused_before_anything_is_sent(voicepipe, fake, recording, words):
    done = voicepipe("transcribe", recording, *words)
    assert done.exit_code == 2
    assert "Give" in done.stderr
    assert fake.requests == []


@pytest.fixture
def diarized(fake):
    """A transcription with two speakers that can be diarized again."""
    fake.has_diarizer = True
    job_id = fake.add_job("meeting.wav", story=STORY)
    fake.jobs[job_id].speakers = speakers("Ada", None)
    return job_id


def test_rttm_is_saved_under_its_name(voicepipe, diarized, tmp_path):
    assert voicepipe("get", diarized, "--format", "rttm", "-o", tmp_path).exit_code == 0
    assert (tmp_path / "meeting.rttm").read_text().startswith("SPEAKER meeting 1")


def test_rttm_without_speakers_names_the_command_that_diarizes(voicepipe, fake):
    refused = voicepipe("get", fake.add_job("meeting.wav"), "--format", "rttm")
    assert refused.exit_code != 0
    assert "voicepipe diarize" in refused.stderr
    assert "POST" not in refused.stderr


def test_the_previous_transcript_is_available_while_diarizing_again(voicepipe, fake, diarized):
    fake.jobs[diarized].document["state"] = "transcribing"
    got = voicepipe("get", diarized, "--format", "txt")
    assert (got.exit_code, got.stdout) == (0, FORMATS["txt"])
    assert "not finished yet: transcribing" in got.stderr


def test_a_speaker_is_named_and_the_name_is_removed(voicepipe, fake, diarized):
    done = voicepipe("rename", diarized, "2", "Chair")
    assert (done.exit_code, done.stderr) == (0, "speaker_2 is now Chair.\n")
    assert fake.jobs[diarized].speakers["speaker_2"]["name"] == "Chair"
    answer = json.loads(voicepipe("rename", diarized, "chair", "--clear", "--json").stdout)
    assert answer == speaker(2)
    assert fake.jobs[diarized].speakers["speaker_2"]["name"] == "Speaker 2"


def test_a_rename_that_takes_effect_later_is_reported(voicepipe, fake, diarized):
    fake.renames_late = True
    done = voicepipe("rename", diarized, "speaker_1", "Chair")
    assert done.exit_code == 0
    assert "speaker_1 will be named Chair" in done.stderr
    as_json = voicepipe("rename", diarized, "1", "--clear", "--json")
    assert json.loads(as_json.stdout) == speaker(1, "Ada")  # still the old name
    assert "speaker_1 will lose its name" in as_json.stderr


@pytest.mark.parametrize("words", [["1"], ["1", ""], ["1", " "], ["1", "Chair", "--clear"]])
def test_rename_needs_either_a_name_or_clear(voicepipe, fake, diarized, words):
    assert voicepipe("rename", diarized, *words).exit_code == 2
    assert fake.received("PATCH") == []


def test_renaming_an_unknown_speaker_exits_with_not_found(voicepipe, fake, diarized):
    done = voicepipe("rename", diarized, "Bob", "Chair")
    assert done.exit_code == 4
    assert "speaker_1 (Ada), speaker_2 (Speaker 2)" in done.stderr
    assert voicepipe("rename", "nothing", "Bob", "Chair").exit_code == 4
    fake.jobs[diarized].speakers = {}
    refused = voicepipe("rename", diarized, "Ada", "Chair")
    assert refused.exit_code == 2
    assert "voicepipe diarize" in refused.stderr


def test_speaker_names_cannot_control_the_terminal(voicepipe, fake, diarized):
    fake.jobs[diarized].speakers = speakers("Ada\x1b[2J")
    assert "\x1b" not in voicepipe("rename", diarized, "Bob", "Chair").stderr


@pytest.mark.parametrize(
    ("words", "limits"),
    [([], {}), (["--speakers", "auto"], {}), (["--speakers", "2..4"], {"min_speakers": 2, "max_speakers": 4})],
)
def test_diarize_waits_for_the_new_version_and_prints_it(voicepipe, fake, diarized, words, limits):
    done = voicepipe("diarize", diarized, *words)
    assert (done.exit_code, done.stdout) == (0, "one two three\n")
    assert "meeting.wav: telling speakers apart" in done.stderr
    assert "transcribing" not in done.stderr  # that event belongs to the first version
    assert "unavailable" not in done.stderr
    assert fake.limits == [limits]
    assert fake.jobs[diarized].document["transcript_version"] == 2


def test_the_new_version_is_saved_and_overwrites_nothing(voicepipe, fake, diarized, tmp_path):
    done = voicepipe("diarize", diarized, "-o", tmp_path, "-f", "rttm", "--json")
    answer = json.loads(done.stdout)
    assert answer["saved_to"] == str(tmp_path / "meeting.rttm")
    assert answer["transcription"]["transcript_version"] == 2
    assert voicepipe("diarize", diarized, "-o", tmp_path, "-f", "rttm").exit_code == 2
    assert len(fake.limits) == 1


def test_the_new_version_as_json_is_one_document(voicepipe, diarized):
    answer = json.loads(voicepipe("diarize", diarized, "--json").stdout)
    assert [each["id"] for each in answer["transcript"]["speakers"]] == ["speaker_1", "speaker_2"]


def test_diarize_without_waiting_opens_no_event_stream(voicepipe, fake, diarized):
    done = voicepipe("diarize", diarized, "--no-wait")
    assert (done.exit_code, done.stdout) == (0, "")
    assert f"voicepipe watch {diarized}" in done.stderr
    assert fake.received("GET", "events") == []


def test_diarize_works_without_the_events_of_the_first_version(voicepipe, fake, diarized):
    fake.jobs[diarized].story.clear()
    assert voicepipe("diarize", diarized).exit_code == 0


def test_diarizing_again_that_fails_prints_the_error(voicepipe, fake, diarized):
    fake.again = AGAIN_FAILED
    done = voicepipe("diarize", diarized)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "The stored recording is gone." in done.stderr


def test_each_warning_is_one_line(voicepipe, fake, diarized):
    messages = ["Nobody could be told apart.", "The model was unsure."]
    fake.jobs[diarized].document["warnings"] = [{"code": "speakers_failed", "message": each} for each in messages]
    lines = voicepipe("diarize", diarized).stderr.splitlines()
    assert lines[-2:] == [f"Warning: {each}" for each in messages]


def test_a_refusal_prints_its_detail_and_sets_the_exit_code(voicepipe, fake, diarized):
    fake.has_diarizer = False
    unavailable = voicepipe("diarize", diarized)
    assert (unavailable.exit_code, unavailable.stderr) == (5, "This installation has no diarizer.\n")
    assert len(fake.received("POST", "diarization")) == 1  # not retried
    early = voicepipe("diarize", fake.add_job("b.wav", "transcribing"))
    assert (early.exit_code, early.stderr) == (2, "Only a completed transcription can be diarized again.\n")
    assert voicepipe("diarize", "nothing").exit_code == 4


async def test_the_client_lists_and_renames_speakers(client, fake, diarized):
    assert [each.name for each in await client.speakers(diarized)] == ["Ada", "Speaker 2"]
    renamed = await client.rename_speaker(diarized, "speaker_2", "Chair")
    assert renamed is not None
    assert (renamed.id, renamed.name, renamed.talk_s) == ("speaker_2", "Chair", 1.5)
    with pytest.raises(ApiError) as unknown:
        await client.rename_speaker(diarized, "speaker_9", "Chair")
    assert (unknown.value.status, unknown.value.code) == (404, "speaker_not_found")
    fake.jobs[diarized].speakers = {}
    assert await client.speakers(diarized) == ()


async def test_a_rename_whose_answer_was_lost_is_sent_again(client, fake, diarized):
    fake.faults.answers.append(["PATCH", "speakers", 502, 1])
    assert await client.rename_speaker(diarized, "speaker_1", None) is not None
    assert len(fake.received("PATCH")) == 2


async def test_waiting_for_a_version_yields_only_new_events(client, diarized):
    last_event_id = await client.last_event_id(diarized)
    accepted = await client.diarize_again(diarized, SpeakerLimits(2, 2))
    assert accepted.state == "completed"  # the request has not taken effect yet
    events = []
    after = await client.wait_for_version(diarized, 2, last_event_id, on_event=events.append)
    assert after.transcript_version == 2
    assert [event.type for event in events] == [kind for kind, _ in AGAIN]
    assert events[-1].detail == JobCompleted(2)


async def test_an_event_stream_covers_all_versions(client, fake, diarized):
    for kind, data in AGAIN:
        fake.emit(diarized, kind, data)
    fake.jobs[diarized].document["transcript_version"] = 2
    events = [event.type async for event in client.events(diarized)]
    assert events == [kind for kind, _ in [*STORY, *AGAIN]]


def test_options_allow_a_lower_bound_alone():
    chosen = Options(diarize=True, min_speakers=2)
    assert chosen.to_fields() == {"diarize": "true", "min_speakers": "2"}
