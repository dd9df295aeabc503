"""A client in another language, generated from the published contract, transcribes a recording."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fixtures.meeting import Recording
from fixtures.score import wer
from support.front_door import with_another_hash
from support.user import User

ROOT = Path(__file__).parents[2]
PACKAGES = {"@grpc/grpc-js": "1.14.7", "@grpc/proto-loader": "0.8.1"}
INSTALLED = ROOT / ".make" / ("node-grpc-" + "-".join(PACKAGES.values()))


@pytest.fixture(scope="module")
def node_modules() -> Path:
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("Node and npm are not installed (Debian: apt install npm)")
    modules = INSTALLED / "node_modules"
    # npm writes this file last.
    if not (modules / ".package-lock.json").exists():
        quiet = ["--silent", "--no-audit", "--no-fund", "--no-package-lock"]
        wanted = [f"{name}@{version}" for name, version in PACKAGES.items()]
        command = ["npm", "install", *quiet, "--prefix", str(INSTALLED), *wanted]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=150)
        if done.returncode:
            pytest.skip(f"npm could not install {', '.join(wanted)}: {done.stderr.strip()[-200:]}")
    return modules


def test_a_recording_is_sent_watched_and_read(node_modules, new_user, spoken: Recording, spoken_wav: Path, tmp_path):
    user: User = new_user()
    audio = tmp_path / "from node.wav"
    audio.write_bytes(with_another_hash(spoken_wav.read_bytes()))
    script = ROOT / "tests/e2e/node/transcribe.cjs"
    command = ["node", script, ROOT / "proto", urlsplit(user.door.url).netloc, user.door.key, audio]
    done = subprocess.run(
        list(map(str, command)),
        check=False,
        capture_output=True,
        text=True,
        timeout=150,
        env=os.environ | {"NODE_PATH": str(node_modules)},
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["upload_id"] == result["id"]
    assert result["events"][0] == "job_created"
    assert result["events"][-1] == "job_completed"
    assert wer(spoken.text, result["text"]) <= 0.05
    assert (result["refusal"]["status"], result["refusal"]["reason"]) == ("INVALID_ARGUMENT", "INVALID_OPTION")
    assert "language" in result["refusal"]["message"]
    assert user.door.get(result["id"])["name"] == "from node.wav"
