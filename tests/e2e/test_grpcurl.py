"""grpcurl: by reflection, and with the commands of docs/grpc.md as they are printed there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fixtures.meeting import Recording
from support.front_door import FrontDoor, with_another_hash

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/grpc.md").read_text(encoding="utf-8")
FENCES = re.findall(r"^```sh$\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
# This stack has no diarizer and no dead letter.
REFUSED = {
    "RenameSpeaker": "NO_SPEAKERS",
    "DiarizeAgain": "NO_DIARIZER",
    "$SEQUENCE": "NOT_FOUND",
}
# A fence, with the functions and variables of those before it.
KEPT = """set -eu
[ ! -e defined ] || . ./defined
{fence}
{{ declare -f; declare -p ID UPLOAD_ID OFFSET AFTER || true; }} >defined 2>/dev/null
"""


@pytest.fixture(scope="module")
def grpcurl() -> str:
    found = shutil.which("grpcurl")
    if found is None:
        pytest.skip("grpcurl is not on the PATH")
    return found


@pytest.fixture
def ask(grpcurl: str, door: FrontDoor):
    def ask(*words: str, key: str | None = None) -> subprocess.CompletedProcess[str]:
        header = [] if key is None else ["-H", f"authorization: Bearer {key}"]
        host, *rest = words
        command = [grpcurl, "-plaintext", *header, *rest[:-1], host, rest[-1]]
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)

    return ask


@pytest.fixture
def host(door: FrontDoor) -> str:
    return urlsplit(door.url).netloc


def test_reflection_lists_and_describes_every_service(grpcurl, host):
    def told(*words: str) -> str:
        command = [grpcurl, "-plaintext", host, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    services = {f"voicepipe.api.v1.{name}" for name in ("Uploads", "Transcriptions", "Installation", "Admin")}
    assert services <= set(told("list").split())
    assert "grpc.health.v1.Health" in told("list").split()
    assert "rpc Watch ( .voicepipe.api.v1.WatchTranscriptionRequest ) returns ( stream" in told(
        "describe", "voicepipe.api.v1.Transcriptions"
    )


def test_the_version_needs_no_key_and_a_transcription_does(ask, host, door: FrontDoor, spoken_wav: Path):
    version = ask(host, "voicepipe.api.v1.Installation/GetVersion")
    assert json.loads(version.stdout)["service"] == "status"
    job_id = door.accepted_or_known(spoken_wav)
    get = ("-d", json.dumps({"id": job_id}), "voicepipe.api.v1.Transcriptions/Get")
    refused = ask(host, *get)
    assert "Unauthenticated" in refused.stderr
    assert "KEY_MISSING" in refused.stderr
    assert json.loads(ask(host, *get, key=door.key).stdout)["id"] == job_id


def test_the_commands_of_the_page_work_as_printed(
    grpcurl, host, door: FrontDoor, spoken: Recording, spoken_wav: Path, resume_transcription, tmp_path
):
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed (Debian: apt install jq)")
    (tmp_path / "meeting.wav").write_bytes(with_another_hash(spoken_wav.read_bytes()))
    environ = os.environ | {"VOICEPIPE_HOST": host, "VOICEPIPE_API_KEY": door.key, "SEQUENCE": "4000000"}
    for fence in FENCES:
        if "/Watch" in fence:
            resume_transcription()  # until here it can be cancelled
        command = ["bash", "-c", KEPT.format(fence=fence)]
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, cwd=tmp_path, env=environ, timeout=120
        )
        refusal = next((code for words, code in REFUSED.items() if words in fence), None)
        if refusal is None:
            assert done.returncode == 0, f"{fence}\n{done.stdout}\n{done.stderr}"
        else:
            assert done.returncode != 0, fence
            assert refusal in done.stderr
    assert (tmp_path / "copy.wav").read_bytes() == (tmp_path / "meeting.wav").read_bytes()
    # Versions of grpcurl differ in whether they print `job_completed` or `jobCompleted`.
    events = (tmp_path / "events.json").read_text().lower().replace("_", "")
    assert events.count('"jobcompleted"') == 1
