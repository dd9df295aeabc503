"""The file in which the autoscaler of one machine remembers."""

import json

import pytest
from pools import seen
from voicepipe_autoscaler.control.reconcile import Pass
from voicepipe_autoscaler.decide import decide
from voicepipe_autoscaler.memory import Memory
from voicepipe_autoscaler.pool import PoolSpec
from voicepipe_local.autoscaler import Memories

SPEC = PoolSpec(targets_s={"standard": 60.0}, max_replicas=3)


def a_change() -> Pass:
    observation = seen(0, standard_s=100.0)
    return Pass(observation, decide(SPEC, observation, Memory()))


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[]", b'"text"', b'{"prepare": 5}', b'{"prepare": {"version": 1, "speed": 1' + b"0" * 400 + b"}}", b"[" * 100_000],
)  # fmt: skip
def test_a_broken_file_is_forgotten(tmp_path, content):
    (tmp_path / "autoscaler.json").write_bytes(content)
    assert Memories(tmp_path / "autoscaler.json").load("prepare") == Memory()


def test_a_change_is_remembered_at_once(tmp_path):
    done = a_change()
    assert done.changes
    Memories(tmp_path / "autoscaler.json").remember("prepare", done)
    assert Memories(tmp_path / "autoscaler.json").load("prepare") == done.decision.memory
    assert json.loads((tmp_path / "autoscaler.json").read_text()).keys() == {"prepare"}


def test_a_file_that_cannot_be_written_fails_no_pass(tmp_path):
    Memories(tmp_path / "missing" / "autoscaler.json").remember("prepare", a_change())
    assert not (tmp_path / "missing").exists()
