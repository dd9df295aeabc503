"""The script of `helm test` says whether there is a transcript, and if not, why."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from chart.rendering import CHART

SCRIPT = CHART / "test" / "transcribe.py"


class Voicepipe(HTTPServer):
    """Answers like upload and status. `state` is that of the transcription."""

    state = "completed"
    text = "the team will review"
    status = 202

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.seen: list[str] = []


class Answers(BaseHTTPRequestHandler):
    server: Voicepipe

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append(f"{self.command} {self.path}")
        job = {
            "id": "7",
            "state": self.server.state,
            "error": None,
            "stages": [{"stage": "prepare", "state": "queued"}],
        }
        text = self.server.text if "transcript?" in self.path else json.dumps(job)
        self.send_response(self.server.status if self.command == "POST" else 200)
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_POST = do_DELETE = answer  # noqa: N815 - the base class calls these names

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def voicepipe() -> Iterator[Voicepipe]:
    server = Voicepipe()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    yield server
    server.shutdown()
    server.server_close()


def run(voicepipe: Voicepipe, tmp_path: Path, timeout_s: float = 5, key: str = "vp_key") -> tuple[int, str]:
    if key:
        (tmp_path / "key").write_text(f"{key}\n")
    paths = {
        "/test/clip.ogg": CHART / "test" / "clip.ogg",
        "/run/voicepipe/secrets/voicepipe_api_key": tmp_path / "key",
    }
    script = SCRIPT.read_text()
    for inside, here in paths.items():
        script = script.replace(inside, str(here))
    url = f"http://127.0.0.1:{voicepipe.server_port}"
    variables = {"UPLOAD_URL": url, "STATUS_URL": url, "TIMEOUT_S": str(timeout_s)}
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True, env=os.environ | variables
    )
    return done.returncode, done.stdout.strip() or done.stderr


def test_a_transcript_is_printed_and_deleted(voicepipe: Voicepipe, tmp_path: Path) -> None:
    assert run(voicepipe, tmp_path) == (0, "The transcript of the clip is: the team will review")
    assert voicepipe.seen[0] == "POST /v1/transcriptions?name=helm-test.ogg"
    assert voicepipe.seen[-1] == "DELETE /v1/transcriptions/7"


def test_a_failed_transcription_fails_and_is_deleted_too(voicepipe: Voicepipe, tmp_path: Path) -> None:
    voicepipe.state = "failed"
    assert run(voicepipe, tmp_path) == (1, "FAILED: the transcription is failed: None")
    assert voicepipe.seen[-1] == "DELETE /v1/transcriptions/7"


def test_an_empty_transcript_fails(voicepipe: Voicepipe, tmp_path: Path) -> None:
    voicepipe.text = "\n"
    assert run(voicepipe, tmp_path) == (1, "FAILED: the transcript is empty")


def test_a_transcription_that_takes_too_long_fails_with_its_stages(voicepipe: Voicepipe, tmp_path: Path) -> None:
    voicepipe.state = "queued"
    status, said = run(voicepipe, tmp_path, timeout_s=0.3)
    assert (status, said) == (1, "FAILED: after 0.3 s the transcription is still queued: prepare queued")


def test_an_unknown_key_fails_at_once(voicepipe: Voicepipe, tmp_path: Path) -> None:
    voicepipe.status = 401
    status, said = run(voicepipe, tmp_path, timeout_s=60)
    assert status == 1
    assert " answered 401 " in said
    assert len(voicepipe.seen) == 1


def test_a_service_that_is_still_starting_is_asked_again(voicepipe: Voicepipe, tmp_path: Path) -> None:
    voicepipe.status = 503
    status, said = run(voicepipe, tmp_path, timeout_s=0.1)
    assert status == 1
    assert said.startswith("waiting: ")
    assert " answered 503 " in said.splitlines()[-1]
    assert len(voicepipe.seen) == 2


def test_without_a_key_the_test_says_what_to_set(voicepipe: Voicepipe, tmp_path: Path) -> None:
    status, said = run(voicepipe, tmp_path, key="")
    assert (status, said) == (1, "FAILED: the test has no API key: set apiKey.existingSecret.")
    assert voicepipe.seen == []
