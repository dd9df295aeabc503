"""serve.sh turns its settings into flags of Triton."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

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


def test_only_the_model_whisper_is_loaded_and_large_requests_fit_on_the_stack(serve):
    arguments, stack, _ = serve()
    assert {"--model-control-mode=explicit", "--load-model=whisper"} <= set(arguments)
    assert "--model-config-name=cpu" not in arguments
    assert stack == "65536"


def test_the_configuration_for_processors_is_chosen_by_its_name(serve):
    assert "--model-config-name=cpu" in serve(VOICEPIPE_TRITON_CONFIG="cpu")[0]


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
