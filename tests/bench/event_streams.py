"""How fast one replica of status sends an event to thousands of streams, and what a stream costs, over gRPC and over SSE."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from uuid import UUID, uuid4

from voicepipe_wire.messaging import broker, subjects
from voicepipe_wire.messaging.envelope import headers_for
from voicepipe_wire.settings import ProcessSettings
from voicepipe_wire.v1.events_pb2 import StageProgressed

from . import event_receivers, recordings
from .process_watch import resident_bytes
from .row import Goal, Row
from .testbed import Testbed

GOAL_MS = Goal("<=", 250.0)
EVENTS = 20
EVERY_S = 1.5
PERCENT = 0.99


@dataclass(frozen=True, slots=True)
class Measured:
    """Milliseconds from before an event is published until it has arrived at a stream, and bytes of memory per stream."""

    p50_ms: float
    p99_ms: float
    bytes_per_stream: float


def measure(testbed: Testbed) -> list[Row]:
    """The transcription that is followed waits, because no `prepare` runs; its events are made here."""
    count = testbed.sizes.event_streams
    testbed.stack.stop_component("prepare")
    try:
        job = testbed.send(recordings.meeting_wav(5.0, seed=77), "followed.wav")
        grpc, sse = (_follow(testbed, job, protocol, count) for protocol in ("grpc", "sse"))
        testbed.remove(job)
    finally:
        testbed.stack.start_component("prepare")
    beside = (
        f"SSE: p99 {sse.p99_ms:.0f} ms, median {sse.p50_ms:.0f} ms, {sse.bytes_per_stream / 1000:.0f} kB per stream"
    )
    return [
        Row(
            f"an event to {count} gRPC streams of one replica, p99",
            grpc.p99_ms,
            "ms",
            GOAL_MS,
            beside,
            f"median {grpc.p50_ms:.0f} ms over {EVENTS} events; one interpreter writes to one stream after the other",
        ),
        Row(
            "memory of status per gRPC stream",
            grpc.bytes_per_stream / 1000,
            "kB",
            None,
            beside,
            f"resident memory with {count} open streams, less that before",
        ),
    ]


def _follow(testbed: Testbed, job: str, protocol: str, count: int) -> Measured:
    for act in (
        testbed.stack.stop_component,
        testbed.stack.start_component,
    ):  # memory that others used is not there to be reused
        act("status")
    pid = testbed.pid("status")
    request = {
        "protocol": protocol,
        "streams": count,
        "job": job,
        "key": testbed.stack.headers["Authorization"].removeprefix("Bearer "),
        "http": testbed.address("status"),
        "grpc": f"127.0.0.1:{testbed.stack.data_dir.port('status-grpc')}",
    }
    before_bytes = resident_bytes(pid)
    command = [sys.executable, "-m", event_receivers.__name__, json.dumps(request)]
    receivers = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert receivers.stdout is not None
    if receivers.stdout.readline().strip() != "ready":
        raise RuntimeError(f"the receivers ended with status {receivers.wait()}")
    published = asyncio.run(_publish(testbed, UUID(job)))
    used_bytes = resident_bytes(pid) - before_bytes
    arrivals = {int(sequence): times for sequence, times in json.loads(receivers.communicate()[0]).items()}
    ms = sorted((at - started) * 1000 for sequence, started in published.items() for at in arrivals.get(sequence, ()))
    if len(ms) != count * EVENTS:
        raise RuntimeError(f"{len(ms)} of {count * EVENTS} events arrived")
    return Measured(ms[len(ms) // 2], ms[int(len(ms) * PERCENT)], used_bytes / count)


async def _publish(testbed: Testbed, job: UUID) -> dict[int, float]:
    """When each event was published, by its sequence."""
    owner: UUID = testbed.query("SELECT owner_id FROM jobs WHERE id = %s", job)[0][0]
    published = {}
    async with broker.connect(ProcessSettings(nats_url=testbed.stack.nats_url), "bench") as jetstream:
        while not jetstream.is_connected:
            await asyncio.sleep(0.05)
        for number in range(EVENTS):
            event = StageProgressed(job_id=str(job), stage="prepare", done_s=number, total_s=EVENTS)
            headers = headers_for(event, uuid4(), "bench")
            started = time.time()
            sequence = await jetstream.publish(subjects.event(owner, job, event), event.SerializeToString(), headers)
            published[sequence] = started
            await asyncio.sleep(EVERY_S)
    return published
