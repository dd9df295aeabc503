import http.server
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import probe
import pytest
from probe import NEVER_S, Unhealthy

WHISPER = Path(probe.__file__).with_name("whisper")


def answers():
    pass


def fails():
    raise Unhealthy("the model returned 500")


def is_slow():
    raise TimeoutError


def must_not_be_asked():
    pytest.fail("an inference was sent")


def healthy(verb, idle_s, describe, *, living=3):
    try:
        probe.probe(verb, instances=3, living=living, idle_s=idle_s, describe=describe)
    except Unhealthy:
        return False
    return True


@pytest.mark.parametrize("verb", ["ready", "alive"])
@pytest.mark.parametrize("idle_s", [0, 10, 100, NEVER_S])
def test_a_dead_instance_is_unhealthy_even_if_the_others_answer(verb, idle_s):
    assert not healthy(verb, idle_s, answers, living=2)


@pytest.mark.parametrize("verb", ["ready", "alive"])
def test_a_model_that_answers_is_healthy_whenever_it_last_succeeded(verb):
    assert all(healthy(verb, idle_s, answers) for idle_s in (0, 29, 31, 119, 121, NEVER_S))


@pytest.mark.parametrize(("verb", "idle_s"), [("ready", 29), ("alive", 119)])
def test_no_inference_is_sent_while_requests_succeed(verb, idle_s):
    assert healthy(verb, idle_s, must_not_be_asked)


def test_a_model_that_fails_is_soon_not_ready_and_later_not_alive():
    assert not healthy("ready", 31, fails)
    assert healthy("alive", 31, fails)
    assert not healthy("alive", 121, fails)


@pytest.mark.parametrize("verb", ["ready", "alive"])
def test_a_slow_model_is_busy_until_nothing_has_succeeded_for_two_minutes(verb):
    assert healthy(verb, 119, is_slow)
    assert not healthy(verb, 121, is_slow)
    assert not healthy(verb, NEVER_S, is_slow)


def test_only_processes_of_living_instances_are_counted(tmp_path):
    for pid, command_line in {
        "1": b"/srv/tritonserver/bin/tritonserver\0--model-repository=/srv\0",
        "20": b"/srv/backends/python/triton_python_backend_stub\0/srv/whisper/1/model.py\0",
        "21": b"triton_python_backend_stub\0",
        "22": b"",  # has died, is not reaped
        "23": b"python3\0triton_python_backend_stub\0",
    }.items():
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "cmdline").write_bytes(command_line)
    (tmp_path / "24").mkdir()  # ended between two system calls
    (tmp_path / "self").mkdir()
    assert probe.living_instances(tmp_path) == 2


def test_the_idle_time_is_the_age_of_the_file(tmp_path):
    file = tmp_path / "last-success"
    assert probe.idle_s(file, time.time()) == NEVER_S
    file.touch()
    os.utime(file, (1000.0, 1000.0))
    assert probe.idle_s(file, 1012.5) == 12.5
    assert probe.idle_s(file, 999.0) == NEVER_S


@pytest.fixture
def server():
    """An HTTP server that answers as `server.answer`, a status and a body, after `server.delay_s`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            server.asked.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            time.sleep(server.delay_s)
            self.send_response(server.answer[0])
            self.end_headers()
            self.wfile.write(server.answer[1])

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.delay_s, server.answer = [], 0.0, (200, b"{}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_inference_is_a_describe_of_whisper(server):
    probe.describe("127.0.0.1", server.server_port)
    ((path, body),) = server.asked
    assert path == "/v2/models/whisper/infer"
    assert rb"{\"op\": \"describe\"}" in body


def test_an_error_of_the_model_is_repeated(server):
    server.answer = (500, b'{"error":"model_failed: no memory"}')
    with pytest.raises(Unhealthy, match=r"500: .*model_failed: no memory"):
        probe.describe("127.0.0.1", server.server_port)


def test_a_late_answer_is_a_timeout(server, monkeypatch):
    monkeypatch.setattr(probe, "TIMEOUT_S", 0.1)
    server.delay_s = 0.3
    with pytest.raises(TimeoutError):
        probe.describe("127.0.0.1", server.server_port)


def run(verb, environment):
    command = [sys.executable, Path(probe.__file__), verb]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_program_prints_one_line_and_its_exit_status_decides(server, tmp_path, free_port):
    environment = {
        "VOICEPIPE_TRITON_HTTP_PORT": str(server.server_port),
        "VOICEPIPE_WHISPER_LAST_SUCCESS": str(tmp_path / "last-success"),
        "VOICEPIPE_WHISPER_INSTANCES": "0",
    }
    done = run("ready", environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "the model answered\n", "")

    done = run("alive", environment | {"VOICEPIPE_TRITON_HTTP_PORT": str(free_port)})
    assert done.returncode == 1
    assert done.stderr.startswith("not alive: the server does not answer: ConnectionRefusedError")

    (tmp_path / "last-success").touch()
    done = run("alive", environment)
    assert (done.returncode, done.stdout) == (0, "a request succeeded 0 s ago\n")
    assert len(server.asked) == 1


@pytest.mark.parametrize(("configuration", "file"), [("cpu", "configs/cpu.pbtxt"), ("", "config.pbtxt")])
def test_as_many_instances_are_expected_as_the_configuration_of_the_model_has(tmp_path, configuration, file):
    (instances,) = re.findall(r"count: (\d+)", (WHISPER / file).read_text())
    with pytest.raises(Unhealthy, match=f"0 of {instances} instances"):
        probe.main("ready", {"VOICEPIPE_TRITON_CONFIG": configuration}, tmp_path)
