"""The `voicepipe` command, used as by a person and by a script, with the whole pipeline."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys

import pytest
from fixtures import media
from fixtures.meeting import Recording
from fixtures.score import normal, wer
from support.eventually import eventually
from support.front_door import with_another_hash
from support.user import User

# No transcription has this id.
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def user(new_user) -> User:
    return new_user()


@pytest.fixture
def environ(user: User, tmp_path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VOICEPIPE_")}
    homes = {name: str(tmp_path / name) for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME")}
    return kept | homes | {"VOICEPIPE_URL": user.door.url, "VOICEPIPE_API_KEY": user.door.key, "COLUMNS": "200"}


@pytest.fixture
def voicepipe(environ: dict[str, str], user: User):
    """Run the command to its end, and check that it does not print the key."""

    def run(*words: object, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "voicepipe", *map(str, words)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environ | more, timeout=150)
        assert user.door.key not in done.stdout + done.stderr
        return done

    return run


@pytest.fixture(scope="module")
def audio(spoken_wav, tmp_path_factory):
    """A recording that no other test module has sent."""
    path = tmp_path_factory.mktemp("command") / "spoken words.wav"
    path.write_bytes(with_another_hash(spoken_wav.read_bytes()))
    return path


def test_transcribe_prints_the_words_and_nothing_else(voicepipe, audio, spoken: Recording):
    done = voicepipe("transcribe", audio)
    assert done.returncode == 0, done.stderr
    assert wer(spoken.text, done.stdout) <= 0.05
    assert "transcribing" in done.stderr


def test_captions_are_saved_to_the_chosen_place(voicepipe, audio, tmp_path):
    done = voicepipe("transcribe", audio, "-o", tmp_path / "out", "--format", "srt")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    saved = (tmp_path / "out" / "spoken words.srt").read_text()
    assert re.match(r"1\n00:00:\d\d,\d{3} --> 00:00:\d\d,\d{3}\n", saved)
    assert voicepipe("transcribe", audio, "-o", tmp_path / "out", "--format", "srt").returncode == 2


def test_a_failed_file_reports_why_and_the_others_complete(voicepipe, audio, tmp_path):
    done = voicepipe("transcribe", audio, media.text(tmp_path / "minutes.mp3"), "--json")
    assert done.returncode == 2
    first, second = json.loads(done.stdout)["items"]
    assert first["transcript"]["segments"]
    assert (second["transcript"], second["error"]["code"]) == (None, "not_audio")
    assert "minutes.mp3" in done.stderr


def test_jobs_are_listed_shown_and_deleted(voicepipe, audio):
    job_id = voicepipe("transcribe", audio, "--no-wait").stdout.strip()
    assert job_id in voicepipe("list").stdout
    assert voicepipe("watch", job_id).returncode == 0
    assert [item["id"] for item in json.loads(voicepipe("list", "--state", "completed", "--json").stdout)["items"]]
    text = voicepipe("get", job_id)
    assert normal(text.stdout)
    assert json.loads(voicepipe("get", job_id, "--json").stdout)["state"] == "completed"
    assert voicepipe("get", job_id, "--format", "vtt").stdout.startswith("WEBVTT")
    deleted = voicepipe("delete", job_id, "--yes")
    assert deleted.returncode == 0, deleted.stderr
    eventually(lambda: voicepipe("get", job_id).returncode == 4)
    assert job_id not in voicepipe("list").stdout


def test_the_command_does_the_same_over_grpc(voicepipe, audio, tmp_path, spoken: Recording):
    grpc = {"VOICEPIPE_GRPC": "true"}
    done = voicepipe("--grpc", "transcribe", audio, "--language", "en")
    assert done.returncode == 0, done.stderr
    assert wer(spoken.text, done.stdout) <= 0.05
    assert "transcribing" in done.stderr
    listed = json.loads(voicepipe("list", "--json", **grpc).stdout)["items"]
    assert {item["id"] for item in listed} == {
        item["id"] for item in json.loads(voicepipe("list", "--json").stdout)["items"]
    }
    job_id = listed[0]["id"]
    watched = [voicepipe("watch", job_id, "--json", **chosen).stdout for chosen in (grpc, {})]
    assert watched[0] == watched[1] != ""
    assert voicepipe("--rest", "get", job_id, **grpc).stdout == done.stdout
    assert voicepipe("get", NOBODY, **grpc).returncode == 4
    assert voicepipe("list", VOICEPIPE_API_KEY="vp_wrong", **grpc).returncode == 3
    unreachable = voicepipe("--grpc", "--retry-for", 0, "transcribe", audio, VOICEPIPE_URL="http://127.0.0.1:9")
    assert unreachable.returncode == 5
    assert "127.0.0.1:9" in unreachable.stderr
    assert voicepipe("list", VOICEPIPE_URL="https://example.org/voicepipe", **grpc).returncode == 2
    assert voicepipe("delete", job_id, "--yes", **grpc).returncode == 0
    eventually(lambda: voicepipe("get", job_id, **grpc).returncode == 4)


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_an_interrupted_job_continues_and_can_be_cancelled_and_retried(
    voicepipe, environ, resume_transcription, audio, tmp_path, protocol
):
    environ["VOICEPIPE_GRPC"] = str(protocol == "grpc").lower()
    log = tmp_path / "stderr"
    command = [sys.executable, "-m", "voicepipe", "transcribe", audio, "--keyterm", f"held-{protocol}"]
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environ,
            preexec_fn=restore_sigint,  # noqa: PLW1509 - one system call that takes no lock
        ) as running,
    ):
        try:
            eventually(lambda: "reading the audio" in log.read_text(), about=log.read_text)
            running.send_signal(signal.SIGINT)
            stdout, _ = running.communicate(timeout=60)
        finally:
            running.kill()
    assert (running.returncode, stdout) == (130, "")
    job_id = re.search(r"continues on the server.*voicepipe get ([0-9a-f-]{36})", log.read_text()).group(1)
    early = voicepipe("get", job_id)
    assert (early.returncode, early.stdout) == (1, "")
    assert "is not finished yet" in early.stderr

    assert "cancelled" in voicepipe("cancel", job_id).stderr
    eventually(lambda: json.loads(voicepipe("get", job_id, "--json").stdout)["state"] == "cancelled")
    assert voicepipe("watch", job_id).returncode == 1
    resume_transcription()
    assert voicepipe("retry", job_id).returncode == 0
    eventually(lambda: voicepipe("get", job_id).returncode == 0)


def restore_sigint() -> None:
    """A shell starts background processes with SIGINT ignored, and their children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_exit_codes_tell_scripts_what_went_wrong(voicepipe, audio, tmp_path):
    assert voicepipe("get", NOBODY).returncode == 4
    assert voicepipe("transcribe", tmp_path / "nothing.wav").returncode == 2
    assert voicepipe("transcribe", audio, "--language", "klingon").returncode == 2
    assert voicepipe("list", VOICEPIPE_API_KEY="vp_wrong").returncode == 3
    unreachable = voicepipe("--retry-for", 0, "transcribe", audio, VOICEPIPE_URL="http://127.0.0.1:9")
    assert unreachable.returncode == 5
    assert "127.0.0.1:9" in unreachable.stderr
