"""What an operator does by hand at 3 a.m., with the command and the whole pipeline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from fixtures import media
from support.eventually import eventually
from support.front_door import FrontDoor
from support.user import User


@pytest.fixture(params=["rest", "grpc"])
def voicepipe(door: FrontDoor, tmp_path, request):
    """Run the command of an operator to its end, over each protocol."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VOICEPIPE_")}
    homes = {name: str(tmp_path / name) for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME")}
    environ = kept | homes | {"VOICEPIPE_URL": door.url, "VOICEPIPE_API_KEY": door.key, "COLUMNS": "200"}
    environ["VOICEPIPE_GRPC"] = str(request.param == "grpc").lower()

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "voicepipe", *map(str, words)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environ, timeout=60)
        assert done.returncode == 0, done.stderr
        return done

    return run


def test_a_dead_letter_is_found_by_its_owner_redriven_once_by_two_clicks_and_audited(voicepipe, new_user, tmp_path):
    user: User = new_user()
    job_id = user.door.accepted(media.video_without_audio(tmp_path / "film.mp4"))
    user.door.end_of(job_id)

    def found(*filters: str) -> list[dict]:
        return json.loads(voicepipe("dead-letters", "list", "--owner", user.name, *filters, "--json").stdout)["items"]

    (entry,) = eventually(found)
    assert found("--stage", "prepare", "--code", entry["code"], "--since", "10m") == [entry]
    assert found("--stage", "assemble") == found("--until", "10m") == []

    # The job fails again at once; that dead letter is newer, and not meant.
    redrive = ["dead-letters", "redrive", "--all", "--owner", user.name, "--until", datetime.now(UTC).isoformat()]
    with ThreadPoolExecutor(2) as hands:
        clicks = [hands.submit(voicepipe, *redrive) for _ in range(2)]
        said = [click.result().stderr for click in clicks]
    assert sum("1 dead letter redriven." in each for each in said) == 1
    (again,) = eventually(lambda: [one for one in found() if one["sequence"] != entry["sequence"]])
    user.door.end_of(job_id)
    assert [one["sequence"] for one in found()] == [again["sequence"]]
    assert [event.type for event in user.door.events(job_id)].count("job-failed") == 2
    voicepipe("dead-letters", "discard", again["sequence"], "--yes")

    actions = json.loads(voicepipe("dead-letters", "audit", "--json").stdout)["items"]
    mine = [(one["action"], one["sequence"], one["code"]) for one in actions if one["job_id"] == job_id]
    assert mine == [("discard", again["sequence"], again["code"]), ("redrive", entry["sequence"], entry["code"])]


def test_the_queues_are_shown_with_figures_of_the_last_seconds(voicepipe):
    shown = eventually(lambda: [done for done in [voicepipe("pools")] if "s old." in done.stderr], 30)[0]
    queues = {(line.split()[0], line.split()[1]) for line in shown.stdout.splitlines()[1:]}
    assert queues >= {("prepare", "standard"), ("transcribe/accurate", "premium"), ("diarize", "standard")}


@pytest.mark.usefixtures("resume_transcription")
def test_a_job_that_waits_for_a_worker_is_shown_as_stuck(voicepipe, new_user, spoken_wav):
    user: User = new_user()
    job_id = user.door.accepted(spoken_wav)
    eventually(lambda: user.door.get(job_id)["state"] == "transcribing", 60)

    def lines() -> list[str]:
        return [line for line in voicepipe("jobs", "stuck", "--older-than", "2").stdout.splitlines() if job_id in line]

    (line,) = eventually(lines, 30)
    assert line.split()[2:4] in (["transcribe", "queued"], ["transcribe", "running"])
    assert line.split()[-1] == user.name
    user.door.delete(job_id)
