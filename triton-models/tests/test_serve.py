"""serve.sh starts Triton as the one-machine stack does."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from voicepipe_local import triton
from voicepipe_local.data_dir import DataDir

SERVE = Path(__file__).resolve().parents[1] / "serve.sh"
ADDRESSES = re.compile(r"--(http|grpc|metrics)-(address|port)=")


@pytest.fixture
def serve(tmp_path):
    """Runs serve.sh with a server that prints its arguments, its stack limit and its threads."""
    server = tmp_path / "server" / "bin" / "tritonserver"
    server.parent.mkdir(parents=True)
    server.write_text('#!/bin/bash\nprintf "%s\\n" "$@"\nulimit -S -s\necho "${VOICEPIPE_WHISPER_THREADS:-unset}"\n')
    server.chmod(0o755)

    def run(**settings):
        environment = {"PATH": os.environ["PATH"], "VOICEPIPE_TRITON_SERVER": str(tmp_path / "server"), **settings}
        done = subprocess.run([SERVE], env=environment, capture_output=True, text=True, check=True)
        *arguments, stack, threads = done.stdout.splitlines()
        return arguments, stack, threads

    return run


def of_the_one_machine_stack(tmp_path, *, batches):
    runtime = triton.Runtime(Path("venv"), tmp_path / "server", "3.11", "lib", "0")
    return triton._command(DataDir.at(tmp_path / "data"), runtime, triton.name_of("accurate"), batches=batches)[1:]


@pytest.mark.parametrize(("configuration", "batches"), [("cpu", False), ("", True)])
def test_the_flags_are_those_of_the_one_machine_stack(serve, tmp_path, configuration, batches):
    arguments, stack, _ = serve(VOICEPIPE_TRITON_CONFIG=configuration)
    expected = of_the_one_machine_stack(tmp_path, batches=batches)
    assert [a for a in arguments if not ADDRESSES.match(a)] == [a for a in expected if not ADDRESSES.match(a)]
    assert stack == "65536"


def test_the_api_listens_on_the_loopback_and_the_metrics_on_every_address(serve):
    arguments, _, _ = serve()
    assert {a for a in arguments if ADDRESSES.match(a)} == {
        "--http-address=127.0.0.1",
        "--grpc-address=127.0.0.1",
        "--metrics-address=0.0.0.0",
        "--http-port=8010",
        "--grpc-port=8001",
        "--metrics-port=8002",
    }


def test_addresses_and_ports_can_be_set(serve):
    arguments, _, _ = serve(
        VOICEPIPE_TRITON_HOST="10.0.0.1",
        VOICEPIPE_TRITON_METRICS_HOST="10.0.0.2",
        VOICEPIPE_TRITON_HTTP_PORT="1",
        VOICEPIPE_TRITON_GRPC_PORT="2",
        VOICEPIPE_TRITON_METRICS_PORT="3",
    )
    assert [a for a in arguments if ADDRESSES.match(a)] == [
        "--http-address=10.0.0.1",
        "--grpc-address=10.0.0.1",
        "--metrics-address=10.0.0.2",
        "--http-port=1",
        "--grpc-port=2",
        "--metrics-port=3",
    ]


def test_two_instances_share_the_cores_unless_the_threads_are_set(serve):
    half = max(1, len(os.sched_getaffinity(0)) // 2)
    assert serve(VOICEPIPE_TRITON_CONFIG="cpu")[2] == str(half)
    assert serve(VOICEPIPE_TRITON_CONFIG="cpu", VOICEPIPE_WHISPER_THREADS="7")[2] == "7"
    assert serve()[2] == "unset"
