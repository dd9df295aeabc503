"""How full the batches of a GPU are while there is more work than it can do: Whisper base, real speech."""

from __future__ import annotations

import re
from collections.abc import Mapping

import httpx

from . import recordings
from .bed import Bed
from .large_model import LARGEST_BATCH as BATCH
from .row import Goal, Row, length
from .speech import Speech

_BUCKET = re.compile(r'^voicepipe_model_batch_bucket\{le="([\d.]+)",model="accurate"\} ([\d.]+)$', re.MULTILINE)
_TRITON = re.compile(r'^(nv_inference_count|nv_inference_exec_count)\{model="whisper".*\} (\d+)$', re.MULTILINE)


def measure(bed: Bed, speech: Speech) -> list[Row]:
    bed.stack.stop_component("transcribe")
    jobs = [
        bed.send(recordings.wav(speech.varied(bed.sizes.backlog_s, n)), f"backlog-{n}.wav")
        for n in range(bed.sizes.backlog)
    ]
    for job in jobs:
        bed.wait_for_stage(job, "transcribe", "queued")
    before = _triton(bed)
    bed.stack.start_component("transcribe")  # a new process: its histogram begins at nothing
    for job in jobs:
        bed.finished(job)
    sizes = _batch_sizes(httpx.get(f"http://{bed.address('transcribe')}/metrics", trust_env=False).text)
    requests = sum(sizes.values())
    # Every request of a batch of n says n, so n requests that say n are one batch.
    batches = sum(count / size for size, count in sizes.items())
    after = _triton(bed)
    rows = after["nv_inference_count"] - before["nv_inference_count"]
    runs = after["nv_inference_exec_count"] - before["nv_inference_exec_count"]
    seen = ", ".join(f"{round(count / size)} of {size}" for size, count in sorted(sizes.items()))
    recorded = f"{bed.sizes.backlog} x {length(bed.sizes.backlog_s)}"
    return [
        Row(
            f"mean batch under backlog ({recorded}, {bed.requests} requests at the model) over the maximum of {BATCH}",
            requests / batches / BATCH, "", Goal(">=", 0.8),
            f"{requests:.0f} requests in {batches:.0f} batches; Triton itself counts {rows} in {runs}, health included",
            f"batches: {seen}; the first and the last of the backlog are not full",
        )
    ]  # fmt: skip


def _batch_sizes(metrics: str) -> Mapping[int, float]:
    """Requests by the size of the batch that they were answered in."""
    below, sizes = 0.0, {}
    for size, up_to in sorted((int(float(size)), float(count)) for size, count in _BUCKET.findall(metrics)):
        if up_to > below:
            sizes[size] = up_to - below
        below = up_to
    return sizes


def _triton(bed: Bed) -> dict[str, int]:
    address = f"http://127.0.0.1:{bed.stack.home.port('triton-accurate-metrics')}/metrics"
    return {name: int(value) for name, value in _TRITON.findall(httpx.get(address, trust_env=False).text)}
