"""Peers run once for each input, and report why they cannot run."""

import json
import sys
from dataclasses import replace

import pytest

from . import peers
from .corpus import Recording
from .peers import Peer, PeerFailed

PROGRAM = """
import json, sys
request = json.load(sys.stdin)
for one in request["recordings"]:
    if one["id"] == "bad":
        sys.exit("cannot read bad.wav")
    print(json.dumps({"id": one["id"], "languages": ["en"], "text": request["greeting"]}), flush=True)
"""


@pytest.fixture
def peer(tmp_path, monkeypatch) -> Peer:
    monkeypatch.setattr(peers, "ROOT", tmp_path)
    monkeypatch.setattr(peers, "PROGRAMS", tmp_path)
    monkeypatch.setattr(peers, "CACHE", tmp_path / "cache")
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "environment" / "bin").mkdir(parents=True)
    (tmp_path / "environment" / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.bin").write_bytes(b"weights")
    return Peer("greeter", "program.py", "environment", tmp_path / "model", {"greeting": "hello"}, ())


@pytest.fixture
def recording(tmp_path):
    def make(name: str) -> Recording:
        path = tmp_path / f"{name}.wav"
        path.write_bytes(name.encode())
        return Recording(name, path, "en", 1.0)

    return make


def texts(peer, *recordings, **options):
    return {one.id: one.text for one in peer.run_all(recordings, **options)}


def test_a_cached_result_is_not_computed_again(peer, recording, tmp_path):
    one, two = recording("one"), recording("two")
    assert texts(peer, one) == {"one": "hello"}
    cached = next((tmp_path / "cache").iterdir())
    cached.write_text(json.dumps({"id": "one", "text": "cached"}))
    assert texts(peer, one, two) == {"one": "cached", "two": "hello"}


@pytest.mark.parametrize("change", ["options", "weights", "program", "recording"])
def test_a_change_of_any_input_invalidates_the_cached_result(peer, recording, tmp_path, change):
    one = recording("one")
    texts(peer, one)
    if change == "options":
        peer = replace(peer, options={"greeting": "bye"})
    elif change == "weights":
        (tmp_path / "model" / "model.bin").write_bytes(b"others")
    elif change == "program":
        (tmp_path / "program.py").write_text(PROGRAM + "# changed")
    else:
        one.path.write_bytes(b"another")
    assert texts(peer, one, only_cached=True) == {}
    assert texts(peer, one) == {"one": peer.options["greeting"]}


def test_other_files_next_to_the_weights_do_not_affect_the_cache(peer, recording, tmp_path):
    one = recording("one")
    texts(peer, one)
    (tmp_path / "model" / ".stamp.json").write_text("{}")
    assert texts(peer, one, only_cached=True) == {"one": "hello"}


def test_a_failing_peer_reports_why_and_its_earlier_results_stay_cached(peer, recording):
    one, bad = recording("one"), recording("bad")
    with pytest.raises(PeerFailed, match=r"greeter exited with status 1: cannot read bad.wav"):
        texts(peer, one, bad)
    assert texts(peer, one, bad, only_cached=True) == {"one": "hello"}


def test_a_missing_environment_is_reported_with_the_command_that_installs_it(peer, recording):
    with pytest.raises(PeerFailed, match=r"install.sh peers"):
        texts(replace(peer, environment="nowhere"), recording("one"))
