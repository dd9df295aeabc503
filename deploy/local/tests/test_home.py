"""A data folder remembers, keeps secrets, and never fills the disk."""

import json
import socket

import pytest
from voicepipe_local import lineup, logs, nats, objectstore
from voicepipe_local.home import Home
from voicepipe_local.parts import CannotStart


def test_ports_and_secrets_are_chosen_once(tmp_path):
    first, second = Home.at(tmp_path), Home.at(tmp_path)
    assert [first.port(name) for name in "abc"] == [second.port(name) for name in "abc"]
    assert len({first.port(name) for name in "abc"}) == 3
    assert first.secret("s3") == second.secret("s3") != first.secret("nats")


def test_a_port_that_somebody_took_meanwhile_is_chosen_anew(tmp_path):
    home = Home.at(tmp_path)
    taken, kept = home.port("a"), home.port("b")
    with socket.create_server(("127.0.0.1", taken)):
        home.forget_ports_in_use()
        assert home.port("a") != taken
        assert home.port("b") == kept


def test_only_this_user_can_read_a_secret(tmp_path):
    home = Home.at(tmp_path)
    secret = home.secret("s3")
    file = tmp_path / "secrets.json"
    assert file.stat().st_mode & 0o077 == 0
    assert json.loads(file.read_text()) == {"s3": secret}


def test_a_log_that_grew_too_long_is_moved_away_and_its_writer_goes_on(tmp_path):
    log = tmp_path / "a.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"old\n" * 30)
        logs.limit(log, limit_bytes=100)
        writer.write(b"new\n")
    assert log.read_bytes() == b"new\n"
    assert (tmp_path / "a.log.1").read_bytes() == b"old\n" * 30


def test_without_a_named_model_the_choice_is_sphinx_and_says_how_to_change_it():
    speech = lineup.choose_speech({})
    assert speech.model == "sphinx"
    assert "VOICEPIPE_WHISPER_MODEL" in speech.about


def test_a_model_folder_is_named_by_its_full_path(tmp_path, monkeypatch):
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path)
    assert lineup.choose_speech({"VOICEPIPE_WHISPER_MODEL": "model"}).env["VOICEPIPE_WHISPER_MODEL"] == str(
        tmp_path / "model"
    )


@pytest.mark.parametrize("name", ["/no/such/folder", "./model", "a/b/c"])
def test_a_model_folder_that_is_not_there_is_an_error_not_a_fallback(name):
    with pytest.raises(CannotStart, match="no such folder"):
        lineup.choose_speech({"VOICEPIPE_WHISPER_MODEL": name})


def test_a_hub_name_is_left_to_the_model():
    assert lineup.choose_speech({"VOICEPIPE_WHISPER_MODEL": "org/whisper-small-ct2"}).model == "whisper"


def test_an_unknown_service_cannot_have_more_workers(tmp_path):
    with pytest.raises(CannotStart, match="transcribe"):
        lineup.full(Home.at(tmp_path), {"transcript": 2}, {})


def test_recordings_and_messages_are_closed_to_other_users(tmp_path):
    home = Home.at(tmp_path)
    objectstore.part(home)
    nats.part(home)
    assert [(tmp_path / name).stat().st_mode & 0o077 for name in ("s3", "nats/store")] == [0, 0]
