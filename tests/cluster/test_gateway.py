"""The bundled gateway: large uploads without buffering, event streams through silence, HTTP/2 without TLS."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest
from cluster.kubernetes import RELEASE, Installation
from support.front_door import FrontDoor

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

MIB = 1 << 20
UPLOAD_MIB = int(os.environ.get("GATEWAY_UPLOAD_MIB", "1024"))
SILENCE_S = float(os.environ.get("GATEWAY_SILENCE_S", "45"))
MAX_GROWTH_MB = 100
HEADER = (
    b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\x3e\x00\x00\x00\x7d\x00\x00\x02\x00\x10\x00data"
)


def recording(size_mib: int) -> Iterator[bytes]:
    """A WAV of noise."""
    noise = os.urandom(MIB)
    yield HEADER + noise[len(HEADER) :]
    for number in range(1, size_mib):
        yield number.to_bytes(8) + noise[8:]


def gateway_memory_mb(installation: Installation) -> float:
    """The memory of the gateway's process, without the page cache."""
    status = installation.exec("gateway", "cat", "/proc/1/status")
    return int(re.findall(r"RssAnon:\s+(\d+) kB", status)[0]) / 1e3


def test_a_large_upload_passes_without_being_held_in_the_gateway(
    running: Installation, door: FrontDoor, record_property
):
    before_mb, peak_mb, done = gateway_memory_mb(running), 0.0, threading.Event()

    def watch() -> None:
        nonlocal peak_mb
        while not done.wait(1):
            peak_mb = max(peak_mb, gateway_memory_mb(running))

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.monotonic()
    try:
        answer = door.http.post("/v1/transcriptions?name=large.wav", content=recording(UPLOAD_MIB), timeout=600)
    finally:
        took_s = time.monotonic() - began
        done.set()
        watcher.join()
    assert answer.status_code == 202, answer.text
    files = running.exec("gateway", "find", "/tmp", "-type", "f", "-size", "+1024k")  # noqa: S108 - in the pod
    door.delete(answer.json()["id"])
    record_property(
        "measured",
        f"{UPLOAD_MIB} MiB in {took_s:.0f} s; gateway grew by {peak_mb - before_mb:.0f} MB to {peak_mb:.0f} MB",
    )
    assert peak_mb - before_mb < MAX_GROWTH_MB
    assert files == ""


def test_an_event_stream_begins_at_once_and_survives_silence(
    running: Installation, door: FrontDoor, clip: bytes, record_property
):
    running.kubectl("scale", f"deployment/{RELEASE}-transcribe-fast", "--replicas=0")
    try:
        job_id = door.accepted(clip, "silence.wav", model="fast", language="en")
        began = time.monotonic()
        first_s, last_s, comments = None, 0.0, 0
        with door.http.stream("GET", f"/v1/transcriptions/{job_id}/events", timeout=60) as answer:
            for line in answer.iter_lines():
                last_s = time.monotonic() - began
                if line.startswith("event:") and first_s is None:
                    first_s = last_s
                comments += line.startswith(":")
                if last_s > SILENCE_S:
                    break
    finally:
        running.kubectl("scale", f"deployment/{RELEASE}-transcribe-fast", "--replicas=1")
    record_property("measured", f"first event after {first_s:.2f} s, {comments} heartbeats in {last_s:.0f} s")
    assert first_s is not None
    assert first_s < 1
    assert last_s > SILENCE_S
    assert comments >= SILENCE_S // 15 - 1
    assert door.completed(job_id, 120)["text"].strip()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_http_2_without_tls_reaches_the_services_on_the_same_port(running: Installation, door: FrontDoor):
    shown = subprocess.run(
        [
            "curl",
            "-s",
            "--http2-prior-knowledge",
            "-o",
            os.devnull,
            "-w",
            "%{http_version} %{http_code}",
            f"{door.url}/v1/transcriptions",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == "2 401"
