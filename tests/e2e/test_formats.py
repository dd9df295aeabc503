"""Formats of recordings and of transcripts."""

from __future__ import annotations

import re

import httpx
import pytest
from fixtures import media
from fixtures.meeting import Recording, silence
from fixtures.score import normal, wer
from support.front_door import FrontDoor, words


@pytest.fixture(scope="module")
def finished(door: FrontDoor, spoken_wav) -> str:
    """A completed transcription."""
    job_id = door.accepted(spoken_wav)
    door.completed(job_id)
    return job_id


@pytest.mark.parametrize("suffix", sorted(media.FORMATS))
def test_a_recording_in_any_format_gives_its_words(door: FrontDoor, spoken: Recording, spoken_wav, tmp_path, suffix):
    job_id = door.accepted(media.encode(spoken_wav, tmp_path / f"recording{suffix}"))
    document = door.completed(job_id)
    assert wer(spoken.text, document["text"]) <= 0.05, document["text"]
    assert document["duration_s"] == pytest.approx(spoken.duration_s, abs=0.25)
    assert document["warnings"] == []


def test_a_form_and_a_raw_body_are_the_same_recording(door: FrontDoor, finished: str, spoken_wav):
    answer = door.http.post("/v1/transcriptions", files={"file": ("form.wav", spoken_wav.read_bytes(), "audio/wav")})
    assert (answer.status_code, answer.json()["id"]) == (200, finished)


def test_other_options_give_another_transcription_of_the_same_words(door: FrontDoor, finished: str, spoken_wav):
    job_id = door.accepted(spoken_wav, language="en")
    assert job_id != finished
    assert words(door.completed(job_id)) == words(door.transcript(finished))


def test_silence_gives_an_empty_transcript(door: FrontDoor, tmp_path):
    document = door.completed(door.accepted(silence(5).save(tmp_path / "silence.wav")))
    assert (document["text"], document["segments"], document["speech_s"]) == ("", [], 0)


def test_without_a_diarizer_a_job_with_speakers_completes_with_a_warning(door: FrontDoor, spoken_wav):
    job_id = door.accepted(spoken_wav, diarize="true")
    document = door.completed(job_id)
    assert [warning["code"] for warning in door.get(job_id)["warnings"]] == ["speakers_unavailable"]
    assert words(document)


@pytest.mark.parametrize(
    ("accept", "start"),
    [
        ("application/json", r"\{"),
        ("text/plain", r"\w"),
        ("application/x-subrip", r"1\n00:00:\d\d,\d{3} --> 00:00:\d\d,\d{3}\n\w"),
        ("text/vtt", r"WEBVTT\n\n"),
    ],
)
def test_the_transcript_has_the_format_of_the_accept_header(door: FrontDoor, finished: str, accept: str, start: str):
    answer = door.http.get(f"/v1/transcriptions/{finished}/transcript", headers={"Accept": accept})
    assert answer.status_code == httpx.codes.OK
    assert answer.headers["content-type"] == f"{accept}; charset=utf-8"
    assert re.match(start, answer.text)


def test_every_format_has_all_the_words(door: FrontDoor, finished: str):
    expected = words(door.transcript(finished))
    for name in ("txt", "srt", "vtt"):
        text = door.http.get(f"/v1/transcriptions/{finished}/transcript", params={"format": name}).text
        spoken = [line for line in text.splitlines() if line != "WEBVTT" and "-->" not in line and not line.isdigit()]
        assert normal(" ".join(spoken)) == expected, name
        if name != "txt":
            assert max(map(len, spoken)) <= 42


def test_the_audio_is_served_whole_and_by_range(door: FrontDoor, finished: str, spoken_wav):
    sent = spoken_wav.read_bytes()
    path = f"/v1/transcriptions/{finished}/audio"
    assert door.http.get(path).content == sent
    part = door.http.get(path, headers={"Range": "bytes=1000-1999"})
    assert (part.status_code, part.content) == (206, sent[1000:2000])
    assert part.headers["content-range"] == f"bytes 1000-1999/{len(sent)}"
    assert (
        door.http.get(path, headers={"Range": f"bytes={len(sent)}-"}).status_code
        == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE
    )
