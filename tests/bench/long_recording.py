"""A meeting of three hours, 2 GB, with the toy Whisper: the memory it needs, and its effect on other requests."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from statistics import median
from urllib.parse import urlsplit

from . import clips, recordings
from .clips import CLIP_S, ClipSender
from .process_watch import ProcessWatch
from .row import Goal, Row, length
from .status_poller import StatusPoller
from .testbed import Testbed

SEED = 5_000
CLIP_SEED = 4_000
POLLS_PER_S = 20.0
MAX_MB = Goal("<=", 200)
WORKERS = ("prepare", "transcribe", "assemble")


def measure(testbed: Testbed) -> list[Row]:
    sender = ClipSender(testbed, (recordings.meeting_wav(CLIP_S, seed) for seed in count(CLIP_SEED)))
    idle = [sender.send() for _ in range(testbed.sizes.clips)]
    with ProcessWatch(testbed.pid("upload")) as upload:
        job = _upload(testbed)
    path = f"/v1/transcriptions/{job}"
    with ExitStack() as running:
        gateway = running.enter_context(
            StatusPoller(urlsplit(testbed.stack.url).netloc, path, testbed.stack.headers, POLLS_PER_S / 2)
        )
        direct = running.enter_context(
            StatusPoller(testbed.address("status"), path, testbed.stack.headers, POLLS_PER_S / 2)
        )
        workers = {part: running.enter_context(ProcessWatch(testbed.pid(part))) for part in WORKERS}
        with _middle_third(testbed, job, workers["prepare"]):
            during_prepare = clips.sent_while(sender, lambda: testbed.progress(job, "prepare") < 2 / 3)
        finished = testbed.completed(job)
    hours = length(testbed.sizes.long_s)
    size = f"{recordings.studio_meeting_bytes(testbed.sizes.long_s) / 1e9:.2g} GB"
    took = ", ".join(f"{stage} {finished.took_s(stage):.1f} s" for stage in WORKERS)
    return [
        _memory(
            f"peak memory of upload while {size} are processed", upload, "two parts of 8 MiB in memory, one being sent"
        ),
        *(
            _memory(f"peak memory of {part} while {size} ({hours}) are processed", watch, took)
            for part, watch in workers.items()
        ),
        clips.row(f"{CLIP_S:g} s clip while {hours} are prepared, over idle", idle, during_prepare, Goal("<=", 2)),
        _status(f"status GET p99 while {hours} are processed, through the gateway", gateway),
        _status(f"status GET p99 while {hours} are processed, direct", direct),
    ]


def _upload(testbed: Testbed) -> str:
    size = recordings.studio_meeting_bytes(testbed.sizes.long_s)
    connection = http.client.HTTPConnection(urlsplit(testbed.stack.url).netloc, timeout=600)
    headers = {**testbed.stack.headers, "Content-Type": "audio/wav", "Content-Length": str(size)}
    body = recordings.studio_meeting(testbed.sizes.long_s, SEED)
    connection.request("POST", "/v1/transcriptions?name=long.wav&language=en", body=body, headers=headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status != http.client.ACCEPTED:
        raise RuntimeError(f"the long recording: {answer.status} {text[:300]!r}")
    return str(answer.headers["location"]).rpartition("/")[2]


@contextmanager
def _middle_third(testbed: Testbed, job: str, prepare: ProcessWatch) -> Iterator[None]:
    """The middle third of prepare. Its memory is not recorded, because the decoders of clips would count."""
    testbed.wait(lambda: testbed.progress(job, "prepare") > 1 / 3, "a third of the long recording")
    with prepare.paused():
        yield
        time.sleep(1.0)


def _memory(name: str, watch: ProcessWatch, limit: str) -> Row:
    own = f"{watch.peak_own_bytes / 1e6:.0f} MB is the process itself, the rest its children"
    return Row(name, watch.peak_bytes / 1e6, "MB", MAX_MB, own, limit)


def _status(name: str, poller: StatusPoller) -> Row:
    summary = f"{len(poller.ms)} requests, {poller.late} late; median {median(poller.ms):.1f} ms, worst {max(poller.ms):.0f} ms"
    return Row(name, poller.percentile(99), "ms", Goal("<=", 50), summary, "")
