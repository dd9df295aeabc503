"""The bundled gateway: large uploads without buffering, event streams through silence, HTTP/2 without TLS, gRPC."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import grpc
import pytest
from cluster.kubernetes import RELEASE, Installation
from support.caddy import with_key
from support.eventually import eventually
from support.front_door import FrontDoor
from voicepipe_api import SERVICES
from voicepipe_api.v1.installation_pb2 import GetVersionRequest
from voicepipe_api.v1.installation_pb2_grpc import InstallationStub
from voicepipe_api.v1.transcription_pb2 import TranscriptionOptions
from voicepipe_api.v1.transcriptions_pb2 import GetTranscriptRequest, WatchTranscriptionRequest
from voicepipe_api.v1.transcriptions_pb2_grpc import TranscriptionsStub
from voicepipe_api.v1.uploads_pb2 import CreateHeader, CreateTrailer, CreateTranscriptionRequest
from voicepipe_api.v1.uploads_pb2_grpc import UploadsStub

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


@dataclass(slots=True)
class Memory:
    before_mb: float
    peak_mb: float = 0

    @property
    def growth_mb(self) -> float:
        return self.peak_mb - self.before_mb


@contextmanager
def watched_memory(installation: Installation) -> Iterator[Memory]:
    """The memory of the gateway, measured every second until the block ends."""
    memory, done = Memory(gateway_memory_mb(installation)), threading.Event()

    def watch() -> None:
        while not done.wait(1):
            memory.peak_mb = max(memory.peak_mb, gateway_memory_mb(installation))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield memory
    finally:
        done.set()
        watcher.join()


def post(door: FrontDoor, blocks: Iterator[bytes]) -> str:
    answer = door.http.post("/v1/transcriptions?name=large.wav", content=blocks, timeout=600)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def create(door: FrontDoor, blocks: Iterator[bytes], **options: str) -> str:
    """Sends a recording over gRPC; its blocks have at most a MiB."""

    def parts() -> Iterator[CreateTranscriptionRequest]:
        yield CreateTranscriptionRequest(
            header=CreateHeader(name="recording.wav", options=TranscriptionOptions(**options))
        )
        for block in blocks:
            yield CreateTranscriptionRequest(chunk=block)
        yield CreateTranscriptionRequest(trailer=CreateTrailer())

    with grpc.insecure_channel(grpc_address(door)) as channel:
        answer = UploadsStub(channel).Create(parts(), metadata=with_key(door.key), timeout=600)
    return str(answer.transcription.id)


def grpc_address(door: FrontDoor) -> str:
    return door.url.removeprefix("http://")


@pytest.mark.parametrize("send", [post, create], ids=["http", "grpc"])
def test_a_large_upload_passes_without_being_held_in_the_gateway(
    running: Installation, door: FrontDoor, record_property, send: Callable[[FrontDoor, Iterator[bytes]], str]
):
    began = time.monotonic()
    with watched_memory(running) as memory:
        job_id = send(door, recording(UPLOAD_MIB))
        took_s = time.monotonic() - began
    files = running.exec("gateway", "find", "/tmp", "-type", "f", "-size", "+1024k")  # noqa: S108 - in the pod
    door.delete(job_id)
    record_property(
        "measured",
        f"{UPLOAD_MIB} MiB in {took_s:.0f} s; gateway grew by {memory.growth_mb:.0f} MB to {memory.peak_mb:.0f} MB",
    )
    assert memory.growth_mb < MAX_GROWTH_MB
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


def test_grpcurl_finds_every_service_by_reflection_and_calls_one_without_a_key(running: Installation, door: FrontDoor):
    if shutil.which("grpcurl", path=running.kubernetes.environment["PATH"]) is None:
        pytest.skip("grpcurl is not installed")

    def grpcurl(*arguments: str) -> str:
        return running.kubernetes.run("grpcurl", "-plaintext", grpc_address(door), *arguments)

    assert set(grpcurl("list").split()) >= {*SERVICES, "grpc.health.v1.Health"}
    assert "rpc Create ( stream " in grpcurl("describe", "voicepipe.api.v1.Uploads")
    version = json.loads(grpcurl("voicepipe.api.v1.Installation/GetVersion"))
    assert version == {"service": "status", "version": door.http.get("/version").json()["version"]}


def test_a_recording_is_sent_watched_and_read_over_grpc(door: FrontDoor, clip: bytes):
    job_id = create(door, iter([clip]), model="fast", language="en")
    with grpc.insecure_channel(grpc_address(door)) as channel:
        transcriptions, metadata = TranscriptionsStub(channel), with_key(door.key)
        events = list(transcriptions.Watch(WatchTranscriptionRequest(id=job_id), metadata=metadata, timeout=120))
        parts = list(transcriptions.GetTranscript(GetTranscriptRequest(id=job_id), metadata=metadata, timeout=30))
    kinds = [event.WhichOneof("event") for event in events]
    assert kinds[-1] == "job_completed"
    assert "chunk_transcribed" in kinds
    texts = [segment.text for part in parts for segment in part.segments.segments]
    assert texts == [segment["text"] for segment in door.transcript(job_id)["segments"]]
    assert texts != []


def test_calls_over_one_connection_are_spread_over_all_pods(running: Installation, door: FrontDoor):
    """A second pod gets its share within seconds, although the connection was there before it."""

    def pods_that_answered() -> int:
        for _ in range(10):
            installation.GetVersion(GetVersionRequest(), timeout=30)
        return sum(calls_answered(running, pod["metadata"]["name"]) > 0 for pod in running.pods("status"))

    with grpc.insecure_channel(grpc_address(door)) as channel:
        installation = InstallationStub(channel)
        assert pods_that_answered() == 1
        running.kubectl("scale", f"deployment/{RELEASE}-status", "--replicas=2")
        try:
            running.wait_until_ready()
            eventually(lambda: pods_that_answered() == 2, 90)
        finally:
            running.kubectl("scale", f"deployment/{RELEASE}-status", "--replicas=1")


def calls_answered(running: Installation, pod: str) -> float:
    """Calls of GetVersion that a pod has answered."""
    read = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8000/metrics').read().decode())"
    metrics = running.kubectl("exec", pod, "--", "python", "-c", read)
    counts = re.findall(
        r'^voicepipe_grpc_request_duration_seconds_count\{.*/GetVersion".*\} (\S+)$', metrics, re.MULTILINE
    )
    return sum(map(float, counts))
