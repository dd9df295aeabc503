"""Upload speed, compared with a bare PUT of the same bytes into the same object store."""

from __future__ import annotations

import base64
import http.client
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from statistics import median
from urllib.parse import urlsplit

import grpc
import numpy as np
from voicepipe_api.v1.uploads_pb2 import CreateHeader, CreateTrailer, CreateTranscriptionRequest
from voicepipe_api.v1.uploads_pb2_grpc import UploadsStub

from . import recordings
from .process_watch import ProcessWatch
from .row import Goal, Row
from .testbed import Testbed

GOAL = Goal(">=", 0.7)
GRPC_OVER_TUS = Goal(">=", 0.9)
PART_BYTES = 8 << 20
CHUNK_BYTES = 256 << 10
TUS, GRPC = "tus, gateway", "gRPC, gateway"


@dataclass(frozen=True, slots=True)
class Sent:
    seconds: float
    size_bytes: int
    cpu_s: float = 0.0
    peak_bytes: int = 0

    @property
    def mb_per_s(self) -> float:
        return self.size_bytes / self.seconds / 1e6


def measure(testbed: Testbed) -> list[Row]:
    """Measure rounds of one bare PUT and one upload by each route, so that other load on a disk affects all of them."""
    size, gateway = testbed.sizes.upload_bytes, urlsplit(testbed.stack.url).netloc
    routes: dict[str, Callable[[int], Sent]] = {
        "direct to the service": lambda seed: _plain(testbed, testbed.address("upload"), size, seed),
        "through the gateway": lambda seed: _plain(testbed, gateway, size, seed),
        TUS: lambda seed: _tus(testbed, gateway, size, seed),
        GRPC: lambda seed: _grpc(testbed, gateway, size, seed),
    }
    testbed.stack.stop_component("prepare")  # uploads must not be decoded meanwhile
    try:
        seeds = count()
        rounds = [
            (_bare(testbed, size), {how: send(next(seeds)) for how, send in routes.items()})
            for _ in range(testbed.sizes.repeats)
        ]
    finally:
        testbed.stack.start_component("prepare")
    rows = [_row(how, size, [(bare, sent[how]) for bare, sent in rounds]) for how in routes]
    return [*rows, _grpc_over_tus(size, [(sent[TUS], sent[GRPC]) for _, sent in rounds])]


def _row(how: str, size: int, pairs: list[tuple[Sent, Sent]]) -> Row:
    ratios = [sent.mb_per_s / bare.mb_per_s for bare, sent in pairs]
    core = median(sent.cpu_s / sent.seconds for _, sent in pairs)
    return Row(
        f"upload of {size / 1e9:.2g} GB, {how}, over a bare put: median of {len(pairs)}",
        median(ratios), "", GOAL, f"bare put {', '.join(f'{bare.mb_per_s:.0f}' for bare, _ in pairs)} MB/s",
        f"{', '.join(f'{sent.mb_per_s:.0f}' for _, sent in pairs)} MB/s; upload used {core:.2f} of a core",
    )  # fmt: skip


def _grpc_over_tus(size: int, pairs: list[tuple[Sent, Sent]]) -> Row:
    return Row(
        f"upload of {size / 1e9:.2g} GB over gRPC, over tus: median of {len(pairs)}",
        median(grpc.mb_per_s / tus.mb_per_s for tus, grpc in pairs), "", GRPC_OVER_TUS,
        f"tus {', '.join(f'{tus.mb_per_s:.0f}' for tus, _ in pairs)} MB/s",
        f"upload used {max(grpc.peak_bytes for _, grpc in pairs) / 1e6:.0f} MB at most, with tus "
        f"{max(tus.peak_bytes for tus, _ in pairs) / 1e6:.0f}; the client in Python copies each chunk into a message",
    )  # fmt: skip


def _bare(testbed: Testbed, size: int) -> Sent:
    """The faster of one streamed PUT and consecutive PUTs of 8 MiB, directly to the object store."""
    return min(_one_put(testbed, size), _puts(testbed, size), key=lambda sent: sent.seconds)


def _one_put(testbed: Testbed, size: int) -> Sent:
    address, target = _presigned(testbed, "bench/whole")
    started_s = time.perf_counter()
    _request(address, "PUT", target, {"Content-Length": str(size)}, _body(size, 0), expect=200)
    sent = Sent(time.perf_counter() - started_s, size)
    testbed.stack.object_store.client().remove_object(testbed.stack.object_store.bucket, "bench/whole")
    return sent


def _puts(testbed: Testbed, size: int) -> Sent:
    """As many PUTs as a multipart upload has parts, over one connection: the cost of the parts alone."""
    part = np.random.default_rng(0).bytes(PART_BYTES)
    count = -(-size // PART_BYTES)
    targets = [_presigned(testbed, f"bench/part-{number}") for number in range(count)]
    connection = http.client.HTTPConnection(targets[0][0], timeout=600)
    started_s = time.perf_counter()
    for _, target in targets:
        connection.request("PUT", target, body=part)
        connection.getresponse().read()
    sent = Sent(time.perf_counter() - started_s, count * PART_BYTES)
    connection.close()
    client = testbed.stack.object_store.client()
    for number in range(count):
        client.remove_object(testbed.stack.object_store.bucket, f"bench/part-{number}")
    return sent


def _presigned(testbed: Testbed, key: str) -> tuple[str, str]:
    """The address and the request target of a PUT."""
    store = testbed.stack.object_store
    url = urlsplit(store.client().get_presigned_url("PUT", store.bucket, key, expires=timedelta(hours=1)))
    return url.netloc, f"{url.path}?{url.query}"


def _plain(testbed: Testbed, address: str, size: int, seed: int) -> Sent:
    headers = {**testbed.stack.headers, "Content-Type": "audio/wav", "Content-Length": str(size)}
    target = f"/v1/transcriptions?name=large-{seed}.wav&language=en"
    with ProcessWatch(testbed.pid("upload")) as watch:
        started_s = time.perf_counter()
        answer = _request(address, "POST", target, headers, _body(size, seed), expect=202)
        seconds = time.perf_counter() - started_s
    testbed.remove(answer["location"].rpartition("/")[2])
    return Sent(seconds, size, watch.cpu_s)


def _tus(testbed: Testbed, address: str, size: int, seed: int) -> Sent:
    """Creation and one PATCH, as in an uninterrupted upload of the `voicepipe` command."""
    name = base64.b64encode(f"large-{seed}.wav".encode()).decode()
    tus = {**testbed.stack.headers, "Tus-Resumable": "1.0.0"}
    create = {**tus, "Upload-Length": str(size), "Upload-Metadata": f"filename {name}", "Content-Length": "0"}
    patch = {**tus, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    with ProcessWatch(testbed.pid("upload")) as watch:
        started_s = time.perf_counter()
        created = _request(address, "POST", "/v1/uploads", create, iter(()), expect=201)
        location = urlsplit(created["location"]).path
        patch["Content-Length"] = str(size)
        answer = _request(address, "PATCH", location, patch, _body(size, seed), expect=204)
        seconds = time.perf_counter() - started_s
    testbed.remove(answer["transcription-id"])
    return Sent(seconds, size, watch.cpu_s, watch.peak_own_bytes)


def _grpc(testbed: Testbed, address: str, size: int, seed: int) -> Sent:
    """One call, as in an uninterrupted upload of the `voicepipe` command."""

    def parts() -> Iterator[CreateTranscriptionRequest]:
        yield CreateTranscriptionRequest(header=CreateHeader(name=f"large-{seed}.wav", size_bytes=size))
        for block in _body(size, seed):
            for start in range(0, len(block), CHUNK_BYTES):
                yield CreateTranscriptionRequest(chunk=block[start : start + CHUNK_BYTES])
        yield CreateTranscriptionRequest(trailer=CreateTrailer())

    metadata = (("authorization", testbed.stack.headers["Authorization"]),)
    with grpc.insecure_channel(address) as channel, ProcessWatch(testbed.pid("upload")) as watch:
        started_s = time.perf_counter()
        answer = UploadsStub(channel).Create(parts(), metadata=metadata)
        seconds = time.perf_counter() - started_s
    testbed.remove(answer.transcription.id)
    return Sent(seconds, size, watch.cpu_s, watch.peak_own_bytes)


def _body(size: int, seed: int) -> Iterator[bytes]:
    return recordings.noise_wav(size, seed)


def _request(
    address: str, method: str, target: str, headers: dict[str, str], body: Iterator[bytes], *, expect: int
) -> dict[str, str]:
    """Send a request and return the headers of the response. http.client is cheap: blocks go directly to the socket."""
    connection = http.client.HTTPConnection(address, timeout=600)
    connection.request(method, target, body=body, headers=headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status != expect:
        raise RuntimeError(f"{method} {target.partition('?')[0]}: {answer.status} {text[:300]!r}")
    return {name.lower(): value for name, value in answer.getheaders()}
