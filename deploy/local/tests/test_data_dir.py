"""The data directory: ports and secrets are saved, private to the user, and logs are bounded."""

import json
import socket

import pytest
from voicepipe_local import logs, nats, objectstore, topology
from voicepipe_local.component import CannotStart
from voicepipe_local.data_dir import DataDir


def test_ports_and_secrets_are_chosen_once(tmp_path):
    first, second = DataDir.at(tmp_path), DataDir.at(tmp_path)
    assert [first.port(name) for name in "abc"] == [second.port(name) for name in "abc"]
    assert len({first.port(name) for name in "abc"}) == 3
    assert first.secret("s3") == second.secret("s3") != first.secret("nats")


def test_a_port_that_another_process_has_taken_is_replaced(tmp_path):
    data_dir = DataDir.at(tmp_path)
    taken, kept = data_dir.port("a"), data_dir.port("b")
    with socket.create_server(("127.0.0.1", taken)):
        data_dir.forget_ports_in_use()
        assert data_dir.port("a") != taken
        assert data_dir.port("b") == kept


def test_only_this_user_can_read_a_secret(tmp_path):
    data_dir = DataDir.at(tmp_path)
    secret = data_dir.secret("s3")
    file = tmp_path / "secrets.json"
    assert file.stat().st_mode & 0o077 == 0
    assert json.loads(file.read_text()) == {"s3": secret}


def test_a_log_beyond_its_limit_is_rotated_while_its_writer_continues(tmp_path):
    log = tmp_path / "a.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"old\n" * 30)
        logs.limit(log, limit_bytes=100)
        writer.write(b"new\n")
    assert log.read_bytes() == b"new\n"
    assert (tmp_path / "a.log.1").read_bytes() == b"old\n" * 30


def test_workers_of_an_unknown_service_are_refused():
    with pytest.raises(CannotStart, match="transcribe"):
        topology.check({"transcript": 2})


def test_other_users_cannot_read_recordings_or_messages(tmp_path):
    data_dir = DataDir.at(tmp_path)
    objectstore.component(data_dir)
    nats.component(data_dir)
    assert [(tmp_path / name).stat().st_mode & 0o077 for name in ("s3", "nats/store")] == [0, 0]
