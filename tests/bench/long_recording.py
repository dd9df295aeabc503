"""Three hours of meeting, 2 GB, through the whole product with the toy Whisper; what that needs, and what others feel of it."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from statistics import median
from urllib.parse import urlsplit

from . import clips, recordings
from .bed import Bed
from .clips import CLIP_S, Clips
from .memory import Watch
from .poller import Poller
from .row import Goal, Row, length

SEED = 5_000
CLIP_SEED = 4_000
POLLS_PER_S = 20.0
MOST_BYTES = Goal("<=", 200)
WORKERS = ("prepare", "transcribe", "assemble")


def measure(bed: Bed) -> list[Row]:
    sender = Clips(bed, (recordings.meeting_wav(CLIP_S, seed) for seed in count(CLIP_SEED)))
    idle = [sender.send() for _ in range(bed.sizes.clips)]
    with Watch(bed.pid("upload")) as upload:
        job = _upload(bed)
    path = f"/v1/transcriptions/{job}"
    with ExitStack() as running:
        gateway = running.enter_context(
            Poller(urlsplit(bed.stack.url).netloc, path, bed.stack.headers, POLLS_PER_S / 2)
        )
        direct = running.enter_context(Poller(bed.address("status"), path, bed.stack.headers, POLLS_PER_S / 2))
        workers = {part: running.enter_context(Watch(bed.pid(part))) for part in WORKERS}
        with _middle_third(bed, job, workers["prepare"]):
            during_prepare = clips.sent_while(sender, lambda: bed.done(job, "prepare") < 2 / 3)
        finished = bed.finished(job)
    hours = length(bed.sizes.long_s)
    size = f"{recordings.studio_meeting_bytes(bed.sizes.long_s) / 1e9:.2g} GB"
    took = ", ".join(f"{stage} {finished.took_s(stage):.1f} s" for stage in WORKERS)
    return [
        _memory(f"peak memory of upload while {size} pass", upload, "two parts of 8 MiB in memory, one being sent"),
        *(
            _memory(f"peak memory of {part} while {size} ({hours}) pass", watch, took)
            for part, watch in workers.items()
        ),
        clips.row(f"{CLIP_S:g} s clip while {hours} are prepared, over idle", idle, during_prepare, Goal("<=", 2)),
        _status(f"status GET p99 while {hours} work, through the gateway", gateway),
        _status(f"status GET p99 while {hours} work, straight", direct),
    ]


def _upload(bed: Bed) -> str:
    size = recordings.studio_meeting_bytes(bed.sizes.long_s)
    connection = http.client.HTTPConnection(urlsplit(bed.stack.url).netloc, timeout=600)
    headers = {**bed.stack.headers, "Content-Type": "audio/wav", "Content-Length": str(size)}
    body = recordings.studio_meeting(bed.sizes.long_s, SEED)
    connection.request("POST", "/v1/transcriptions?name=long.wav&language=en", body=body, headers=headers)
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    if answer.status != http.client.ACCEPTED:
        raise RuntimeError(f"the long recording: {answer.status} {said[:300]!r}")
    return str(answer.headers["location"]).rpartition("/")[2]


@contextmanager
def _middle_third(bed: Bed, job: str, prepare: Watch) -> Iterator[None]:
    """While clips are decoded beside the long recording, the memory of their decoders is not counted to it."""
    bed.wait(lambda: bed.done(job, "prepare") > 1 / 3, "a third of the long recording")
    with prepare.paused():
        yield
        time.sleep(1.0)


def _memory(name: str, watch: Watch, limit: str) -> Row:
    own = f"{watch.peak_own_bytes / 1e6:.0f} MB the process itself, the rest its children"
    return Row(name, watch.peak_bytes / 1e6, "MB", MOST_BYTES, own, limit)


def _status(name: str, poller: Poller) -> Row:
    about = f"{len(poller.ms)} requests, {poller.late} late; median {median(poller.ms):.1f} ms, worst {max(poller.ms):.0f} ms"
    return Row(name, poller.percentile(99), "ms", Goal("<=", 50), about, "")
