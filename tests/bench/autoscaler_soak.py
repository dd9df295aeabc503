"""The operator over many WorkerPools in a real cluster: its memory over time, and what it asks of the API at rest.

The pools may not grow (`paused-scale-out`), so no pod is made: everything else is as in a busy installation.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean

import httpx
from voicepipe_local import nats, testing
from voicepipe_local.data_dir import free_port
from voicepipe_wire import aio
from voicepipe_wire.messaging import broker
from voicepipe_wire.messaging.broker import JetStream
from voicepipe_wire.messaging.subjects import BACKLOG_SUBJECT
from voicepipe_wire.settings import ProcessSettings
from voicepipe_wire.v1.scaling_pb2 import BacklogSnapshot, QueueBacklog

from .process_watch import resident_bytes
from .row import Goal, Row, length

NAMESPACE = "voicepipe-soak"
DEFINITION = Path(__file__).parents[2] / "deploy" / "helm" / "voicepipe-crds"
FEW, MANY = 5, 20
# Parts of the time: few pools at rest, many with a backlog that moves, many at rest.
FEW_AT_REST, BUSY, MANY_AT_REST = 0.2, 0.55, 0.25
# Memory grows until every pool has been busy for a while: a third of the time.
WARM_AFTER = 0.35
SETTLES_S = 30.0
MIB = 1 << 20

_REQUESTS = re.compile(r'^voicepipe_operator_api_requests_total\{verb="(\w+)"\} (\S+)$', re.MULTILINE)


def measure(minutes: float) -> list[Row]:
    with _namespace(), testing._running(nats.component, "nats") as (data_dir, _), _operator(nats.url(data_dir)) as made:
        return asyncio.run(_soak(made, nats.url(data_dir), minutes * 60))


@dataclass
class Operator:
    """The process: its memory every second, as (seconds since the beginning, bytes), and its requests to the API so far."""

    process: subprocess.Popen[bytes]
    port: int
    memory: list[tuple[float, int]] = field(default_factory=list)

    async def sample(self) -> None:
        began = time.monotonic()
        while True:
            self.memory.append((time.monotonic() - began, resident_bytes(self.process.pid)))
            await asyncio.sleep(1)

    def memory_between(self, start_s: float, end_s: float) -> float:
        """The mean in MiB."""
        return mean(size for at_s, size in self.memory if start_s <= at_s <= end_s) / MIB

    def requests(self) -> Counter[str]:
        text = httpx.get(f"http://127.0.0.1:{self.port}/metrics", trust_env=False, timeout=10).text
        return Counter({verb: int(float(count)) for verb, count in _REQUESTS.findall(text)})

    async def requests_within(self, seconds: float) -> Phase:
        """What is asked of the API within a time, after a while in which things settle."""
        settling_s = min(SETTLES_S, seconds / 2)
        await asyncio.sleep(settling_s)
        before = self.requests()
        await asyncio.sleep(seconds - settling_s)
        return Phase(self.requests() - before, seconds - settling_s)


@dataclass(frozen=True)
class Phase:
    requests: Counter[str]
    seconds: float

    @property
    def per_s(self) -> float:
        return self.requests.total() / self.seconds

    def writes_per_minute(self, pools: int) -> float:
        """Writes of a status for each pool."""
        return self.requests["status"] * 60 / self.seconds / pools

    def __str__(self) -> str:
        return ", ".join(f"{verb} {count / self.seconds:.2f}/s" for verb, count in self.requests.most_common())


@dataclass
class Backlog:
    """Says every three seconds how much audio waits for each pool; if it is `moving`, that is another amount each time."""

    moving: bool = False
    draw: random.Random = field(default_factory=lambda: random.Random(1))

    async def publish(self, jetstream: JetStream) -> None:
        while True:
            queues = [self._queue(number) for number in range(MANY)]
            snapshot = BacklogSnapshot(at_s=time.time(), interval_s=3.0, queues=queues)
            await jetstream.publish(BACKLOG_SUBJECT, snapshot.SerializeToString(), {})
            await asyncio.sleep(3)

    def _queue(self, number: int) -> QueueBacklog:
        waiting_s = self.draw.uniform(0, 4_000) if self.moving else 0.0
        commands = int(waiting_s / 25)
        pool = f"soak-{number}"
        return QueueBacklog(
            stage="transcribe", pool=pool, priority="standard", queued_s=waiting_s, expected_commands=commands
        )


async def _soak(operator: Operator, nats_url: str, total_s: float) -> list[Row]:
    backlog = Backlog()
    async with broker.connect(ProcessSettings(nats_url=nats_url), "soak") as jetstream:
        while not jetstream.is_connected:
            await asyncio.sleep(0.05)
        await jetstream.ensure_streams()
        async with aio.background(backlog.publish(jetstream)), aio.background(operator.sample()):
            _create(range(FEW))
            few = await operator.requests_within(total_s * FEW_AT_REST)
            _create(range(FEW, MANY))
            backlog.moving = True
            busy = await operator.requests_within(total_s * BUSY)
            backlog.moving = False
            many = await operator.requests_within(total_s * MANY_AT_REST)
    return _rows(operator, few, busy, many, total_s)


def _rows(operator: Operator, few: Phase, busy: Phase, many: Phase, total_s: float) -> list[Row]:
    warm_s, end_s = total_s * WARM_AFTER, operator.memory[-1][0]
    window_s = min(60.0, total_s / 20)
    at_first, at_end = (
        operator.memory_between(warm_s, warm_s + window_s),
        operator.memory_between(end_s - window_s, end_s),
    )
    peak = max(size for _, size in operator.memory) / MIB
    took = length(round(total_s))
    return [
        Row(
            f"operator, {MANY} pools, {took}: most memory", peak, "MiB", Goal("<=", 150),
            f"{operator.memory_between(0, window_s):.0f} MiB at the beginning", "kopf, aiohttp and the objects that are watched",
        ),
        Row(
            f"operator, {MANY} pools: growth of memory from minute {warm_s / 60:.0f} to the end", at_end - at_first, "MiB",
            Goal("<=", 10), f"{at_first:.1f} MiB", f"{at_end:.1f} MiB",
        ),
        Row(
            f"operator at rest, {FEW} pools: requests to the API per second", few.per_s, "", Goal("<=", 2),
            "the watches and their listings are not counted", str(few),
        ),
        Row(f"operator at rest, {MANY} pools: requests to the API per second", many.per_s, "", None, "as above", str(many)),
        Row(
            f"operator, {MANY} pools whose backlog moves: requests to the API per second", busy.per_s, "", None,
            "as above", f"{busy}; {busy.writes_per_minute(MANY):.1f} writes of a status per minute and pool",
        ),
        Row(
            "operator at rest: writes of a status per minute and pool", many.writes_per_minute(MANY), "", Goal("<=", 1),
            f"{FEW} pools {few.writes_per_minute(FEW):.2f}", f"{MANY} pools; the memory of a pool is written once a minute",
        ),
    ]  # fmt: skip


@contextmanager
def _operator(nats_url: str) -> Iterator[Operator]:
    port = free_port()
    settings = {
        "VOICEPIPE_NATS_URL": nats_url,
        "VOICEPIPE_NAMESPACE": NAMESPACE,
        "VOICEPIPE_HTTP_PORT": str(port),
        "VOICEPIPE_LOG_LEVEL": "warning",
    }
    process = subprocess.Popen([sys.executable, "-m", "voicepipe_autoscaler.operator"], env=os.environ | settings)
    try:
        yield Operator(process, port)
        assert process.poll() is None, "the operator has ended"
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def _namespace() -> Iterator[None]:
    definition = _run("helm", "template", "crds", str(DEFINITION), "--kube-version", "1.34.0")
    _run("kubectl", "apply", "--server-side", "-f", "-", given=definition)
    _run("kubectl", "delete", "namespace", NAMESPACE, "--ignore-not-found")
    _run("kubectl", "create", "namespace", NAMESPACE)
    try:
        yield
    finally:
        _run("kubectl", "delete", "namespace", NAMESPACE)


def _create(numbers: range) -> None:
    items = [item for number in numbers for item in _objects(f"soak-{number}")]
    listed = {"apiVersion": "v1", "kind": "List", "items": items}
    _run("kubectl", "-n", NAMESPACE, "apply", "-f", "-", given=json.dumps(listed))


def _objects(name: str) -> list[dict[str, object]]:
    """A Deployment without pods, and its WorkerPool."""
    labels = {"app.kubernetes.io/part-of": "voicepipe", "app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "none", "image": "none"}]}}
    deployment = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    pool = {"target": {"name": name}, "queue": {"stage": "transcribe", "pool": name}, "max": 5}
    paused = {"voicepipe.io/paused-scale-out": "true"}
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "labels": labels},
            "spec": deployment,
        },
        {
            "apiVersion": "voicepipe.io/v1alpha1",
            "kind": "WorkerPool",
            "metadata": {"name": name, "annotations": paused},
            "spec": pool,
        },
    ]


def _run(*command: str, given: str | None = None) -> str:
    done = subprocess.run(command, input=given, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout
