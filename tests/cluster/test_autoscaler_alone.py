"""The operator as processes beside a real API server: leadership, GPUs, an API that goes away.

The pods do nothing and do not answer, so they count as busy: these tests see only what is asked for. The backlog is that of the test.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from cluster.images import ONE_NODE
from cluster.kubernetes import Kubernetes, tag_of
from cluster.scaling import install_definition
from support.eventually import eventually
from voicepipe_autoscaler.observation import Pod
from voicepipe_autoscaler.operator.pods import pod_of
from voicepipe_autoscaler.victims import DELETION_COST, victims
from voicepipe_local.data_dir import free_port
from voicepipe_wire.messaging import broker
from voicepipe_wire.messaging.subjects import BACKLOG_SUBJECT
from voicepipe_wire.settings import ProcessSettings
from voicepipe_wire.v1.scaling_pb2 import BacklogSnapshot, QueueBacklog

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]

NAMESPACE = "voicepipe-autoscaler-alone"
LEASE = "test-autoscaler"
LABELS = {"app.kubernetes.io/part-of": "voicepipe", "app": "idler"}
GPU = "nvidia.com/gpu"
TAKEN_OVER_WITHIN_S = 22  # 15 s of the Lease, a round of two, and a busy machine


@dataclass
class Backlog:
    """Says how much audio waits, every half second, as a controller does."""

    nats_url: str
    seconds: float = 0.0
    running: bool = True

    def publish(self) -> None:
        asyncio.run(self._publish())

    async def _publish(self) -> None:
        async with broker.connect(ProcessSettings(nats_url=self.nats_url), "backlog") as jetstream:
            while not jetstream.is_connected:
                await asyncio.sleep(0.05)
            await jetstream.ensure_streams()
            while self.running:
                waiting = QueueBacklog(stage="diarize", priority="standard", queued_s=self.seconds, expected_commands=9)
                snapshot = BacklogSnapshot(at_s=time.time(), queues=[waiting])
                await jetstream.publish(BACKLOG_SUBJECT, snapshot.SerializeToString(), {})
                await asyncio.sleep(0.5)


class Operators:
    """Processes of the operator, by name."""

    def __init__(self, kubernetes: Kubernetes, nats_url: str, logs: Path) -> None:
        self._kubernetes = kubernetes
        self._nats_url = nats_url
        self._logs = logs
        self.running: dict[str, tuple[subprocess.Popen[bytes], int]] = {}

    def start(self, name: str) -> None:
        port = free_port()
        environment = self._kubernetes.environment | {
            "VOICEPIPE_NATS_URL": self._nats_url,
            "VOICEPIPE_NAMESPACE": NAMESPACE,
            "VOICEPIPE_LEASE_NAME": LEASE,
            "VOICEPIPE_IDENTITY": name,
            "VOICEPIPE_WATCH_NODES": "true",
            "VOICEPIPE_HTTP_PORT": str(port),
        }
        with (self._logs / f"{name}.log").open("ab") as log:
            command = [sys.executable, "-m", "voicepipe_autoscaler.operator"]
            self.running[name] = (subprocess.Popen(command, env=environment, stdout=log, stderr=log), port)

    def send(self, name: str, sig: signal.Signals) -> None:
        self.running[name][0].send_signal(sig)

    def leads(self, name: str) -> bool:
        """What the process says of itself."""
        metrics = httpx.get(f"http://127.0.0.1:{self.running[name][1]}/metrics", timeout=5).text
        found = re.search(r"^voicepipe_operator_leader (\S+)$", metrics, re.MULTILINE)
        return found is not None and float(found[1]) == 1

    def stop(self) -> None:
        for process, _ in self.running.values():
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()
        self.running.clear()


@pytest.fixture(scope="module")
def kubernetes(cluster: Kubernetes) -> Iterator[Kubernetes]:
    install_definition(cluster)
    cluster.run("kubectl", "delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=120s")
    cluster.run("kubectl", "create", "namespace", NAMESPACE)
    yield cluster
    cluster.run("kubectl", "delete", "namespace", NAMESPACE, "--timeout=120s")


@pytest.fixture
def backlog(nats_url: str) -> Iterator[Backlog]:
    made = Backlog(nats_url)
    thread = threading.Thread(target=made.publish)
    thread.start()
    yield made
    made.running = False
    thread.join()


@pytest.fixture
def operators(kubernetes: Kubernetes, nats_url: str, tmp_path: Path) -> Iterator[Operators]:
    made = Operators(kubernetes, nats_url, tmp_path)
    yield made
    made.stop()
    kubernetes.run("kubectl", "-n", NAMESPACE, "delete", "lease,workerpool,deployment", "--all")


@pytest.fixture
def pool(kubernetes: Kubernetes) -> Callable[..., None]:
    """Makes a WorkerPool `idler` and its Deployment, without pods; with GPUs, each pod asks for one."""

    def make(*, gpus: int = 0) -> None:
        limits = {"resources": {"limits": {GPU: str(gpus)}}} if gpus else {}
        wait = "import signal, time; signal.signal(signal.SIGTERM, lambda *_: exit()); time.sleep(1e6)"
        container = {"name": "idler", "image": tag_of("upload"), "command": ["python", "-c", wait], **limits}
        apply(kubernetes, "apps/v1", "Deployment", {
            "replicas": 0,
            "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}},
        })  # fmt: skip
        apply(kubernetes, "voicepipe.io/v1alpha1", "WorkerPool", {
            "target": {"name": "idler"},
            "queue": {"stage": "diarize"},
            "max": 5,
            "coldStartSeconds": 5,
            "upStabilisationSeconds": 1,
        })  # fmt: skip

    return make


def apply(kubernetes: Kubernetes, version: str, kind: str, spec: dict[str, Any]) -> None:
    labels = LABELS if kind == "Deployment" else {}
    item = {"apiVersion": version, "kind": kind, "metadata": {"name": "idler", "labels": labels}, "spec": spec}
    kubernetes.run("kubectl", "-n", NAMESPACE, "apply", "-f", "-", given=json.dumps(item))


def get(kubernetes: Kubernetes, *what: str) -> dict[str, Any]:
    return dict(json.loads(kubernetes.run("kubectl", "-n", NAMESPACE, "get", *what, "-o", "json")))


def leader(kubernetes: Kubernetes) -> str:
    leases = get(kubernetes, "leases")["items"]
    return next((str(one["spec"].get("holderIdentity", "")) for one in leases if one["metadata"]["name"] == LEASE), "")


def asked(kubernetes: Kubernetes) -> int:
    return int(get(kubernetes, "deployment", "idler")["spec"]["replicas"])


def condition(kubernetes: Kubernetes, kind: str) -> dict[str, Any]:
    found = get(kubernetes, "workerpool", "idler").get("status", {}).get("conditions", ())
    return next((one for one in found if one["type"] == kind), {"status": "", "reason": ""})


def two_of_them(kubernetes: Kubernetes, operators: Operators) -> tuple[str, str]:
    """The names of the one that leads and of the one that waits."""
    for name in ("one", "other"):
        operators.start(name)
    first = eventually(lambda: leader(kubernetes), 30)
    return first, "other" if first == "one" else "one"


def test_another_process_leads_when_the_leader_is_killed(
    kubernetes: Kubernetes, operators: Operators, backlog: Backlog, record_property
) -> None:
    first, second = two_of_them(kubernetes, operators)
    time.sleep(3)
    operators.send(first, signal.SIGKILL)
    began = time.monotonic()
    eventually(lambda: leader(kubernetes) == second, 40, poll_s=0.2)
    took_s = time.monotonic() - began
    record_property("measured", f"another leader {took_s:.1f} s after SIGKILL")
    assert took_s < TAKEN_OVER_WITHIN_S


def test_a_leader_that_was_stopped_for_a_while_does_nothing_when_it_continues(
    kubernetes: Kubernetes, operators: Operators, backlog: Backlog, pool: Callable[..., None]
) -> None:
    pool()
    first, second = two_of_them(kubernetes, operators)
    operators.send(first, signal.SIGSTOP)
    eventually(lambda: leader(kubernetes) == second, 40)
    operators.send(first, signal.SIGCONT)
    backlog.seconds = 10_000.0
    eventually(lambda: asked(kubernetes) == 5, 40)
    assert leader(kubernetes) == second
    assert not operators.leads(first)
    events = json.loads(kubernetes.run("kubectl", "-n", NAMESPACE, "get", "events.events.k8s.io", "-o", "json"))[
        "items"
    ]
    writers = {one["reportingInstance"] for one in events if one["reportingController"] == "voicepipe.io/autoscaler"}
    assert writers == {second}


@pytest.fixture
def gpus() -> Iterator[Callable[[int], None]]:
    if not ONE_NODE.exists():
        pytest.skip("only the one-node cluster can claim GPUs that it does not have")

    def claim(count: int) -> None:
        subprocess.run([ONE_NODE, "gpus", str(count)], check=True)

    yield claim
    claim(0)


def test_no_more_pods_are_asked_for_than_there_are_gpus(
    kubernetes: Kubernetes,
    operators: Operators,
    backlog: Backlog,
    pool: Callable[..., None],
    gpus: Callable[[int], None],
    record_property,
) -> None:
    gpus(2)
    pool(gpus=1)
    operators.start("one")
    eventually(lambda: leader(kubernetes), 30)
    time.sleep(6)  # the nodes have been seen
    backlog.seconds = 10_000.0
    began = time.monotonic()
    eventually(lambda: condition(kubernetes, "ScalingLimited")["reason"] == "TooFewGPUs", 30)
    limited_s = time.monotonic() - began
    time.sleep(5)
    assert asked(kubernetes) == 2
    pods = get(kubernetes, "pods")["items"]
    assert all(pod["spec"].get("nodeName") for pod in pods), "none waits for a GPU"
    gpus(3)
    began = time.monotonic()
    eventually(lambda: asked(kubernetes) == 3, 30)
    more_s = time.monotonic() - began
    record_property("measured", f"limited after {limited_s:.0f} s, a third pod {more_s:.0f} s after a third GPU")


@pytest.mark.parametrize("away_s", [30])
def test_an_api_that_goes_away_restarts_nothing_and_is_followed_when_it_is_back(
    kubernetes: Kubernetes,
    operators: Operators,
    backlog: Backlog,
    pool: Callable[..., None],
    away_s: int,
    record_property,
) -> None:
    if not ONE_NODE.exists():
        pytest.skip("only the one-node cluster has an API server that may be stopped")
    pool()
    operators.start("one")
    eventually(lambda: leader(kubernetes), 30)
    subprocess.run([ONE_NODE, "restart", "apiserver", str(away_s)], check=True, env=os.environ)
    backlog.seconds = 10_000.0
    began = time.monotonic()
    eventually(lambda: asked(kubernetes) == 5, 90)
    record_property("measured", f"right {time.monotonic() - began:.0f} s after the API was back from {away_s} s")
    process, _ = operators.running["one"]
    assert process.poll() is None


ROUNDS = 8


def test_a_deployment_that_is_made_smaller_loses_its_cheapest_pods(
    kubernetes: Kubernetes, operators: Operators, pool: Callable[..., None], record_property
) -> None:
    """The costs are drawn at random, as drained, idle and busy pods have them.

    Among pods of one cost the order of magnitude of ages decides, which may change between the prediction and the deletion. That does not
    matter: pods of one cost are all drained, or none of them is.
    """
    del operators  # none runs: the costs and the replicas are those of the test
    pool()
    draw = random.Random(11)
    right = 0
    for _ in range(ROUNDS):
        scale(kubernetes, 5)
        for name in alive(kubernetes):
            if cost := draw.choice([0, 0, -1000, 100, 250]):
                kubernetes.run(
                    "kubectl", "-n", NAMESPACE, "annotate", "--overwrite", "pod", name, f"{DELETION_COST}={cost}"
                )
        time.sleep(1.5)
        going = draw.randint(1, 4)
        before = alive(kubernetes)
        predicted = {pod.name for pod in victims(list(before.values()), going, time.time())}
        scale(kubernetes, 5 - going)
        gone = before.keys() - alive(kubernetes).keys()
        assert sorted(before[name].deletion_cost for name in gone) == sorted(
            before[name].deletion_cost for name in predicted
        )
        right += gone == predicted
    record_property("measured", f"{right} of {ROUNDS} predictions named the very pods")


def alive(kubernetes: Kubernetes) -> dict[str, Pod]:
    found = [pod_of(body) for body in get(kubernetes, "pods")["items"]]
    return {pod.name: pod for pod in found if pod is not None}


def scale(kubernetes: Kubernetes, replicas: int) -> None:
    """Set the replicas, and wait until there are so many that are ready."""
    kubernetes.run("kubectl", "-n", NAMESPACE, "scale", "deployment", "idler", f"--replicas={replicas}")

    def settled() -> bool:
        pods = alive(kubernetes)
        return len(pods) == replicas and all(pod.ready for pod in pods.values())

    eventually(settled, 60, poll_s=0.3)
