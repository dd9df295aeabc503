"""Bytes per second of an upload, against a bare put of the same bytes into the same object store."""

from __future__ import annotations

import base64
import http.client
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from statistics import mean
from urllib.parse import urlsplit

from . import recordings
from .bed import Bed
from .memory import Watch
from .row import Goal, Row

GOAL = Goal(">=", 0.7)


@dataclass(frozen=True, slots=True)
class Sent:
    seconds: float
    size_bytes: int
    cpu_s: float = 0.0

    @property
    def mb_per_s(self) -> float:
        return self.size_bytes / self.seconds / 1e6


def measure(bed: Bed) -> list[Row]:
    size = bed.sizes.upload_bytes
    bed.stack.stop_part("prepare")  # what is uploaded shall not be decoded meanwhile
    try:
        first = _bare(bed, size)
        direct = _plain(bed, bed.address("upload"), size, seed=1)
        gateway = _plain(bed, urlsplit(bed.stack.url).netloc, size, seed=2)
        tus = _tus(bed, urlsplit(bed.stack.url).netloc, size, seed=3)
        second = _bare(bed, size)
    finally:
        bed.stack.start_part("prepare")
    bare = mean((first.mb_per_s, second.mb_per_s))
    baseline = f"bare put {bare:.0f} MB/s ({first.mb_per_s:.0f} before, {second.mb_per_s:.0f} after)"
    return [
        Row(
            f"upload of {size / 1e9:.2g} GB, {how}, over a bare put",
            sent.mb_per_s / bare, "", GOAL, baseline,
            f"{sent.mb_per_s:.0f} MB/s; upload used {sent.cpu_s / sent.seconds:.2f} of a core",
        )
        for how, sent in (("straight to the service", direct), ("through the gateway", gateway), ("tus, gateway", tus))
    ]  # fmt: skip


def _bare(bed: Bed, size: int) -> Sent:
    """One presigned PUT, streamed: nothing between the bytes and the store."""
    store = bed.stack.object_store
    client = store.client()
    url = urlsplit(client.get_presigned_url("PUT", store.bucket, "bench/bare", expires=timedelta(hours=1)))
    began = time.perf_counter()
    _request(url.netloc, "PUT", f"{url.path}?{url.query}", {"Content-Length": str(size)}, _body(size, 0), expect=200)
    sent = Sent(time.perf_counter() - began, size)
    client.remove_object(store.bucket, "bench/bare")
    return sent


def _plain(bed: Bed, address: str, size: int, seed: int) -> Sent:
    headers = {**bed.stack.headers, "Content-Type": "audio/wav", "Content-Length": str(size)}
    target = f"/v1/transcriptions?name=large-{seed}.wav&language=en"
    with Watch(bed.pid("upload")) as watch:
        began = time.perf_counter()
        answer = _request(address, "POST", target, headers, _body(size, seed), expect=202)
        seconds = time.perf_counter() - began
    bed.remove(answer["location"].rpartition("/")[2])
    return Sent(seconds, size, watch.cpu_s)


def _tus(bed: Bed, address: str, size: int, seed: int) -> Sent:
    """Creation and one PATCH: how an unbroken upload of the command goes."""
    name = base64.b64encode(f"large-{seed}.wav".encode()).decode()
    tus = {**bed.stack.headers, "Tus-Resumable": "1.0.0"}
    create = {**tus, "Upload-Length": str(size), "Upload-Metadata": f"filename {name}", "Content-Length": "0"}
    patch = {**tus, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    with Watch(bed.pid("upload")) as watch:
        began = time.perf_counter()
        made = _request(address, "POST", "/v1/uploads", create, iter(()), expect=201)
        place = urlsplit(made["location"]).path
        patch["Content-Length"] = str(size)
        answer = _request(address, "PATCH", place, patch, _body(size, seed), expect=204)
        seconds = time.perf_counter() - began
    bed.remove(answer["transcription-id"])
    return Sent(seconds, size, watch.cpu_s)


def _body(size: int, seed: int) -> Iterator[bytes]:
    return recordings.noise_wav(size, seed)


def _request(
    address: str, method: str, target: str, headers: dict[str, str], body: Iterator[bytes], *, expect: int
) -> dict[str, str]:
    """The headers of the answer. http.client costs less than what is measured: blocks go straight to the socket."""
    connection = http.client.HTTPConnection(address, timeout=600)
    connection.request(method, target, body=body, headers=headers)
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    if answer.status != expect:
        raise RuntimeError(f"{method} {target.partition('?')[0]}: {answer.status} {said[:300]!r}")
    return {name.lower(): value for name, value in answer.getheaders()}
