"""What code of an attacker can do in the sandbox of the decoder."""

import json
import os
import signal
import subprocess
import sys

import pytest
from voicepipe_orchestrator.prepare.decoder_process import environment

CONFINED = """
import contextlib, json, os, socket, sys
from voicepipe_orchestrator.prepare.decoder import sandbox
parent, attempts = int(sys.argv[1]), json.loads(sys.argv[2])
applied = sandbox.confine(parent, 2, 1 << 30)
reached = []
for name, attempt in attempts.items():
    with contextlib.suppress(OSError, LookupError):
        exec(attempt)
        reached.append(name)
print(json.dumps({"applied": applied, "reached": reached}))
"""


def confined(attempts):
    """Which attempts succeed in the decoder's sandbox, and the measures that took effect."""
    ended = subprocess.run(
        [sys.executable, "-c", CONFINED, str(os.getpid()), json.dumps(attempts)],
        check=True,
        capture_output=True,
        text=True,
        env=environment(),
    )
    return json.loads(ended.stdout)


def test_arbitrary_code_in_the_sandbox_cannot_reach_anything(listener):
    port = listener.getsockname()[1]
    attempts = {
        "file": "open('/etc/passwd')",
        "own file": "open(sandbox.__file__)",
        "program": "os.execv('/bin/true', ['true'])",
        "process": "os.fork()",
        "socket": f"socket.create_connection(('127.0.0.1', {port}))",
        "parent": f"os.kill({os.getpid()}, 0)",
        "write": "open('/tmp/confined', 'w')",
        "secret": "os.environ['SECRET']",
        "code": "1 + 1",
    }
    result = confined(attempts)
    if {"landlock", "seccomp"} - set(result["applied"]):
        pytest.skip(f"this kernel gives only {result['applied']}")
    assert result["reached"] == ["code"]
    with pytest.raises(TimeoutError):
        listener.accept()


def test_a_process_with_threads_cannot_confine_itself():
    thread = "import threading, time; threading.Thread(target=time.sleep, args=(9,), daemon=True).start()"
    script = f"{thread}; from voicepipe_orchestrator.prepare.decoder import sandbox; sandbox.confine(0, 2, 1 << 30)"
    ended = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True, env=environment()
    )
    assert "single thread" in ended.stderr


def test_a_child_that_exceeds_its_cpu_time_is_killed():
    script = f"from voicepipe_orchestrator.prepare.decoder import sandbox; sandbox.confine({os.getpid()}, 1, 1 << 30)"
    command = [sys.executable, "-c", script + "\nwhile True: pass"]
    ended = subprocess.run(command, check=False, timeout=60, env=environment())
    assert ended.returncode in {-signal.SIGKILL, -signal.SIGXCPU}
