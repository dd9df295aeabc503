"""The fill of batches on a GPU under a backlog, with Whisper base and real speech."""

from __future__ import annotations

import re
from collections.abc import Mapping

import httpx

from . import recordings
from .large_model import LARGEST_BATCH as BATCH
from .row import Goal, Row, length
from .speech import Speech
from .testbed import Testbed

_BUCKET = re.compile(r'^voicepipe_model_batch_bucket\{le="([\d.]+)",model="accurate"\} ([\d.]+)$', re.MULTILINE)
_TRITON = re.compile(r'^(nv_inference_count|nv_inference_exec_count)\{model="whisper".*\} (\d+)$', re.MULTILINE)


def measure(testbed: Testbed, speech: Speech) -> list[Row]:
    testbed.stack.stop_component("transcribe-accurate")
    jobs = [
        testbed.send(recordings.wav(speech.varied(testbed.sizes.backlog_s, n)), f"backlog-{n}.wav")
        for n in range(testbed.sizes.backlog)
    ]
    for job in jobs:
        testbed.wait_for_stage(job, "transcribe", "queued")
    before = _triton(testbed)
    testbed.stack.start_component("transcribe-accurate")  # a new process, whose histogram is empty
    for job in jobs:
        testbed.completed(job)
    sizes = _batch_sizes(httpx.get(f"http://{testbed.address('transcribe')}/metrics", trust_env=False).text)
    requests = sum(sizes.values())
    # Each request of a batch of n reports n, so n such requests are one batch.
    batches = sum(count / size for size, count in sizes.items())
    after = _triton(testbed)
    rows = after["nv_inference_count"] - before["nv_inference_count"]
    runs = after["nv_inference_exec_count"] - before["nv_inference_exec_count"]
    batch_counts = ", ".join(f"{round(count / size)} of {size}" for size, count in sorted(sizes.items()))
    backlog = f"{testbed.sizes.backlog} x {length(testbed.sizes.backlog_s)}"
    return [
        Row(
            f"mean batch under backlog ({backlog}, {testbed.requests} requests at the model) over the maximum of {BATCH}",
            requests / batches / BATCH, "", Goal(">=", 0.8),
            f"{requests:.0f} requests in {batches:.0f} batches; Triton counts {rows} in {runs}, including health checks",
            f"batches: {batch_counts}; the first and the last of the backlog are not full",
        )
    ]  # fmt: skip


def _batch_sizes(metrics: str) -> Mapping[int, float]:
    """The number of requests by the size of their batch."""
    below, sizes = 0.0, {}
    for size, up_to in sorted((int(float(size)), float(count)) for size, count in _BUCKET.findall(metrics)):
        if up_to > below:
            sizes[size] = up_to - below
        below = up_to
    return sizes


def _triton(testbed: Testbed) -> dict[str, int]:
    address = f"http://127.0.0.1:{testbed.stack.data_dir.port('triton-accurate-metrics')}/metrics"
    return {name: int(value) for name, value in _TRITON.findall(httpx.get(address, trust_env=False).text)}
