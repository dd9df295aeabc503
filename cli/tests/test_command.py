"""The `voicepipe` command as people and scripts use it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from fake_routes import FORMATS
from fake_server import FAILURE, STORY, chunk
from typer.testing import CliRunner
from voicepipe.__main__ import app


@pytest.mark.parametrize("name", list(FORMATS))
def test_stdout_is_the_transcript_and_nothing_else(voicepipe, fake, recording, name):
    fake.has_diarizer = True
    done = voicepipe("transcribe", recording, "--format", name, "--speakers", "auto")
    assert done.exit_code == 0
    assert done.stdout.strip() == FORMATS[name].strip()
    assert "transcribing" in done.stderr


def test_options_reach_the_server(voicepipe, fake, recording):
    done = voicepipe(
        "transcribe", recording, "--language", "en", "--model", "fast", "--task", "translate", "--keyterm", "Ada",
        "--keyterm", "Grace", "--speakers", "2..3", "--priority", "premium",
    )  # fmt: skip
    assert done.exit_code == 0
    (upload,) = fake.uploads.values()
    assert {name: upload.metadata[name] for name in upload.metadata if not name.startswith("file")} == {
        "language": "en", "model": "fast", "task": "translate", "keyterms": "Ada,Grace", "diarize": "true",
        "min_speakers": "2", "max_speakers": "3", "priority": "premium",
    }  # fmt: skip


def test_several_transcripts_come_in_the_order_of_the_arguments(voicepipe, tmp_path):
    files = [tmp_path / f"{number}.wav" for number in (3, 1, 2)]
    for file in files:
        file.write_text(file.name)
    done = voicepipe("transcribe", *files)
    assert [line for line in done.stdout.splitlines() if line.startswith("==>")] == [
        f"==> {file} <==" for file in files
    ]
    document = json.loads(voicepipe("transcribe", *files, "--json").stdout)
    assert [item["file"] for item in document["items"]] == [str(file) for file in files]
    assert document["items"][0]["transcript"]["text"] == "one two three"


def test_a_saved_transcript_is_overwritten_only_with_force(voicepipe, fake, recording, tmp_path):
    done = voicepipe("transcribe", recording, "-o", tmp_path / "out", "-f", "srt")
    assert done.exit_code == 0
    assert done.stdout == ""
    assert (tmp_path / "out" / "meeting.srt").read_text() == FORMATS["srt"]
    uploads = len(fake.uploads)
    again = voicepipe("transcribe", recording, "-o", tmp_path / "out", "-f", "srt")
    assert again.exit_code == 2
    assert "--force" in again.stderr
    assert len(fake.uploads) == uploads
    assert voicepipe("transcribe", recording, "-o", tmp_path / "out", "-f", "srt", "--force").exit_code == 0


def test_one_recording_that_fails_does_not_stop_the_others(voicepipe, fake, recording, tmp_path):
    fake.faults.answers.append(["POST", "uploads", 413, 1])
    other = tmp_path / "other.wav"
    other.write_text("sound")
    done = voicepipe("transcribe", recording, other, "--json")
    assert done.exit_code == 2
    codes = sorted(str((item["error"] or {}).get("code")) for item in json.loads(done.stdout)["items"])
    assert codes == ["None", "unavailable"]


def test_a_failed_job_prints_its_error_and_no_transcript(voicepipe, fake, recording):
    fake.story = FAILURE
    done = voicepipe("transcribe", recording)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "There is no sound in it." in done.stderr


@pytest.mark.parametrize("command", ["transcribe", "watch"])
def test_a_transcription_deleted_while_it_is_followed_gives_no_transcript(voicepipe, fake, recording, command):
    fake.story = [*STORY[:3], ("job-deleted", {})]
    done = voicepipe(command, recording if command == "transcribe" else fake.add_job("a.wav", story=fake.story))
    assert (done.exit_code, done.stdout) == (1, "")
    assert "was deleted while it was being followed" in done.stderr
    assert "voicepipe get" not in done.stderr


def test_a_recording_that_disappears_while_it_waits_does_not_stop_the_others(voicepipe, fake, tmp_path, monkeypatch):
    files = [tmp_path / f"{number}.wav" for number in range(4)]
    for file in files:
        file.write_text(file.name)
    begin = fake.begin
    monkeypatch.setattr(fake, "begin", lambda *given: (files[3].unlink(missing_ok=True), begin(*given)))
    done = voicepipe("transcribe", *files)
    assert done.exit_code == 2
    assert done.stdout.count("==>") == 3
    assert f"There is no file {files[3]}" in done.stderr


def test_warnings_are_shown(voicepipe, fake, recording):
    fake.warnings = [{"code": "speakers_unavailable", "message": "Speakers were not told apart."}]
    done = voicepipe("transcribe", recording)
    assert "Speakers were not told apart." in done.stderr
    assert done.exit_code == 0


def test_without_waiting_stdout_is_the_id(voicepipe, fake, recording):
    done = voicepipe("transcribe", recording, "--no-wait")
    assert done.stdout.split() == list(fake.jobs)
    assert fake.received("GET", "events") == []


def test_watch_prints_text_in_the_order_of_the_recording(voicepipe, fake):
    job_id = fake.add_job(
        "a.wav", story=[chunk(2, "three"), chunk(0, "one"), chunk(1, "two"), chunk(4, "five"), STORY[-1]]
    )
    done = voicepipe("watch", job_id)
    assert done.stdout.split() == ["one", "two", "three", "five"]
    assert done.exit_code == 0


def test_watch_as_json_prints_one_line_per_event(voicepipe, fake):
    done = voicepipe("watch", fake.add_job("a.wav", story=STORY), "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["type"] for line in lines] == [kind for kind, _ in STORY]
    assert lines[6]["data"]["text"] == "two"


@pytest.mark.parametrize(("state", "code"), [("completed", 0), ("failed", 1), ("cancelled", 1), ("transcribing", 1)])
def test_get_prints_the_transcript_or_the_state(voicepipe, fake, state, code):
    job_id = fake.add_job("a.wav", state)
    done = voicepipe("get", job_id)
    assert done.exit_code == code
    assert done.stdout == (FORMATS["txt"] if code == 0 else "")
    assert code == 0 or state in done.stderr
    assert json.loads(voicepipe("get", job_id, "--json").stdout)["state"] == state


def test_get_saves_under_the_name_of_the_recording(voicepipe, fake, tmp_path):
    job_id = fake.add_job("../meeting.wav")
    assert voicepipe("get", job_id, "-o", tmp_path / "out", "-f", "vtt").exit_code == 0
    assert (tmp_path / "out" / "meeting.vtt").read_text() == FORMATS["vtt"]


def test_list_shows_whole_lines_newest_first(voicepipe, fake):
    ids = [fake.add_job(f"{number}.wav", "failed" if number == 1 else "completed") for number in range(3)]
    lines = voicepipe("list").stdout.splitlines()[1:]
    assert [line.split()[0] for line in lines] == ids[::-1]
    assert [line.split()[-1] for line in lines] == ["2.wav", "1.wav", "0.wav"]
    found = json.loads(voicepipe("list", "--state", "failed", "--json").stdout)
    assert [item["id"] for item in found["items"]] == [ids[1]]
    assert len(json.loads(voicepipe("list", "--limit", "2", "--json").stdout)["items"]) == 2


def test_list_fetches_as_many_pages_as_it_needs(voicepipe, fake):
    for number in range(130):
        fake.add_job(f"{number}.wav")
    assert len(json.loads(voicepipe("list", "--limit", "120", "--json").stdout)["items"]) == 120
    assert len(fake.received("GET", "transcriptions")) == 2


def test_cancel_retry_and_delete(voicepipe, fake):
    job_id = fake.add_job("a.wav", "transcribing")
    assert json.loads(voicepipe("cancel", job_id, "--json").stdout)["state"] == "cancelled"
    assert "not finished yet: queued" in voicepipe("retry", job_id).stderr
    assert voicepipe("delete", job_id, input="n\n").exit_code == 1
    assert job_id in fake.jobs
    assert voicepipe("delete", job_id, "--yes").exit_code == 0
    assert fake.jobs == {}


def test_capabilities_and_version_print_text_or_json(voicepipe):
    assert "speakers: available no" in voicepipe("capabilities").stdout
    assert json.loads(voicepipe("capabilities", "--json").stdout)["models"][0]["name"] == "fast"
    assert "server 9.9.9" in voicepipe("version").stdout


def test_the_version_needs_no_server():
    assert CliRunner().invoke(app, ["version"], env={"VOICEPIPE_URL": "", "VOICEPIPE_API_KEY": ""}).exit_code == 0


def test_each_kind_of_failure_has_its_exit_code(voicepipe, fake, recording, tmp_path, monkeypatch):
    monkeypatch.setattr("voicepipe.tries.REQUEST_RETRY_FOR_S", 0.0)
    assert voicepipe("get", "nothing").exit_code == 4
    assert voicepipe("transcribe", tmp_path / "none.wav").exit_code == 2
    assert voicepipe("transcribe", recording, "--language", "xx").exit_code == 2
    assert voicepipe("transcribe", recording, "--format", "doc").exit_code == 2
    (tmp_path / "key").write_text("vp_wrong")
    assert voicepipe("--api-key-file", tmp_path / "key", "list").exit_code == 3
    unavailable = voicepipe("--retry-for", 0, "list", url="http://127.0.0.1:9")
    assert unavailable.exit_code == 5
    assert "no connection" in unavailable.stderr


def test_an_id_cannot_lead_to_another_address(voicepipe, fake):
    voicepipe("delete", "../admin/dead-letters/1", "--yes")
    assert fake.received("DELETE") == []


def test_help_lists_the_exit_codes(voicepipe):
    assert "130" in voicepipe("--help").stdout


def test_ctrl_c_says_how_to_continue(environ, fake, recording):
    fake.story, fake.faults.hold = STORY[:5], threading.Event()
    command = [sys.executable, "-m", "voicepipe", "transcribe", str(recording)]
    with subprocess.Popen(
        command, env=os.environ | environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert fake.listening.wait(30)
        time.sleep(0.5)  # the command is now in the read of its stream
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=90)
    assert (running.returncode, out) == (130, "")
    assert f"voicepipe get {next(iter(fake.jobs))}" in err
    assert "Traceback" not in err
