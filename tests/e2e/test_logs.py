"""The logs identify each job, and contain neither transcript text nor secrets."""

from __future__ import annotations

import json

import pytest
from support.front_door import FrontDoor, with_another_hash, words

SERVICES = ("upload", "prepare", "transcribe-accurate", "assemble", "controller", "status")
RUN = 4  # words in a row that do not match by coincidence


@pytest.fixture(scope="module")
def job_and_words(door: FrontDoor, spoken_wav) -> tuple[str, list[str]]:
    """A completed job and its words."""
    job_id = door.accepted(with_another_hash(spoken_wav.read_bytes()), name="a secret name.wav")
    return job_id, words(door.completed(job_id))


def test_logs_contain_no_transcript_text_and_no_recording_name(stack, job_and_words):
    _, spoken = job_and_words
    assert len(spoken) > 20
    runs = {" ".join(spoken[at : at + RUN]) for at in range(len(spoken) - RUN + 1)}
    for log in stack.data_dir.logs.iterdir():
        text = " ".join(log.read_text(encoding="utf-8", errors="replace").lower().split())
        assert [run for run in runs if run in text] == [], log.name
        assert "a secret name" not in text, log.name


def test_logs_contain_no_secret(stack, job_and_words):
    secrets = json.loads((stack.data / "secrets.json").read_text())
    hidden = {**secrets, "api key": stack.api_key, "part of the api key": stack.api_key.removeprefix("vp_")[:20]}
    for log in stack.data_dir.logs.iterdir():
        text = log.read_text(encoding="utf-8", errors="replace")
        assert [name for name, secret in hidden.items() if secret in text] == [], log.name


def test_logs_of_the_services_are_json_that_names_the_service(stack, job_and_words):
    job_id, _ = job_and_words
    for name in SERVICES:
        for line in stack.log_of(name).splitlines():
            entry = json.loads(line)
            assert entry["event"], line
    assert any(json.loads(line).get("transcription") == job_id for line in stack.log_of("upload").splitlines())
