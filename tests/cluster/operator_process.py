"""The operator as processes beside a real API server, the backlog that a test makes up, and a WorkerPool of pods that do nothing.

The pods do not answer, so they count as busy: these tests see only what is asked for.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from cluster.kubernetes import Kubernetes, tag_of
from support.eventually import eventually
from voicepipe_autoscaler.observation import Pod
from voicepipe_autoscaler.operator.pods import pod_of
from voicepipe_local.data_dir import free_port
from voicepipe_wire.errors import Unavailable
from voicepipe_wire.messaging import broker
from voicepipe_wire.messaging.broker import JetStream
from voicepipe_wire.messaging.subjects import BACKLOG_SUBJECT
from voicepipe_wire.settings import ProcessSettings
from voicepipe_wire.v1.scaling_pb2 import BacklogSnapshot, QueueBacklog

NAMESPACE = "voicepipe-idlers"
LEASE = "test-autoscaler"
LABELS = {"app.kubernetes.io/part-of": "voicepipe", "app": "idler"}
GPU = "nvidia.com/gpu"
# Audio for which the pool needs two pods, and for which it needs all that it may have.
FOR_TWO_S, FOR_ALL_S = 900.0, 10_000.0


@dataclass
class Backlog:
    """Says how much audio waits and how many dead letters there are, every half second, as a controller does.

    One that is not `publishing` is a controller that has stopped.
    """

    nats_url: str
    seconds: float = 0.0
    dead_letters: int = 0
    publishing: bool = True
    running: bool = True

    def run(self) -> None:
        asyncio.run(with_jetstream(self.nats_url, self._publish))

    async def _publish(self, jetstream: JetStream) -> None:
        await jetstream.ensure_streams()
        while self.running:
            if self.publishing:
                waiting = QueueBacklog(stage="diarize", priority="standard", queued_s=self.seconds, expected_commands=9)
                dead_letters = {"diarize": self.dead_letters}
                snapshot = BacklogSnapshot(at_s=time.time(), queues=[waiting], dead_letters=dead_letters)
                with suppress(Unavailable):  # the stream may be gone, which a controller survives too
                    await jetstream.publish(BACKLOG_SUBJECT, snapshot.SerializeToString(), {})
            await asyncio.sleep(0.5)


async def with_jetstream(nats_url: str, use: Callable[[JetStream], Awaitable[object]]) -> None:
    async with broker.connect(ProcessSettings(nats_url=nats_url), "test") as jetstream:
        while not jetstream.is_connected:
            await asyncio.sleep(0.05)
        await use(jetstream)


class Operators:
    """Processes of the operator, by name."""

    def __init__(self, kubernetes: Kubernetes, nats_url: str, logs: Path) -> None:
        self._kubernetes = kubernetes
        self._nats_url = nats_url
        self._logs = logs
        self._running: dict[str, tuple[subprocess.Popen[bytes], int]] = {}

    def start(self, name: str, **environment: str) -> None:
        port = free_port()
        settings = {
            "VOICEPIPE_NATS_URL": self._nats_url,
            "VOICEPIPE_NAMESPACE": NAMESPACE,
            "VOICEPIPE_LEASE_NAME": LEASE,
            "VOICEPIPE_IDENTITY": name,
            "VOICEPIPE_WATCH_NODES": "true",
            "VOICEPIPE_HTTP_PORT": str(port),
        }
        with (self._logs / f"{name}.log").open("ab") as log:
            command = [sys.executable, "-m", "voicepipe_autoscaler.operator"]
            env = self._kubernetes.environment | settings | environment
            self._running[name] = (subprocess.Popen(command, env=env, stdout=log, stderr=log), port)

    def send(self, name: str, sig: signal.Signals) -> None:
        self._running[name][0].send_signal(sig)

    def has_ended(self, name: str) -> bool:
        return self._running[name][0].poll() is not None

    def leads(self, name: str) -> bool:
        """What the process says of itself."""
        metrics = httpx.get(f"http://127.0.0.1:{self._running[name][1]}/metrics", timeout=5).text
        found = re.search(r"^voicepipe_operator_leader (\S+)$", metrics, re.MULTILINE)
        return found is not None and float(found[1]) == 1

    def stop(self) -> None:
        for process, _ in self._running.values():
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()
        self._running.clear()


class Idlers:
    """The WorkerPool `idler` and its Deployment, in a namespace of their own."""

    def __init__(self, kubernetes: Kubernetes) -> None:
        self._kubernetes = kubernetes

    def kubectl(self, *arguments: str, **more: Any) -> str:
        return self._kubernetes.run("kubectl", "-n", NAMESPACE, *arguments, **more)

    def get(self, *what: str) -> dict[str, Any]:
        return dict(json.loads(self.kubectl("get", *what, "-o", "json")))

    def create(self, *, gpus: int = 0, ready_after_s: int = 0, **spec: Any) -> None:
        """Create both, without pods; with GPUs, each pod asks for so many. A pod is ready `ready_after_s` after its start."""
        limits = {"resources": {"limits": {GPU: str(gpus)}}} if gpus else {}
        wait = "import signal, time; signal.signal(signal.SIGTERM, lambda *_: exit()); time.sleep(1e6)"
        container = {"name": "idler", "image": tag_of("upload"), "command": ["python", "-c", wait], **limits}
        if ready_after_s:
            container["readinessProbe"] = {"exec": {"command": ["true"]}, "initialDelaySeconds": ready_after_s}
        deployment = {
            "replicas": 0,
            "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}},
        }
        self._apply("apps/v1", "Deployment", deployment, LABELS)
        pool = {"coldStartSeconds": 5, "upStabilisationSeconds": 1, "max": 5, **spec}
        self._apply("voicepipe.io/v1alpha1", "WorkerPool", {
            "target": {"name": "idler"},
            "queue": {"stage": "diarize"},
            **pool,
        }, {})  # fmt: skip

    def delete(self) -> None:
        """With its pods; the controllers that delete them may still be waiting for an API that was away."""
        self.kubectl("delete", "lease,workerpool,deployment", "--all", "--cascade=foreground", "--timeout=180s")

    def leader(self) -> str:
        leases = self.get("leases")["items"]
        holders = (str(one["spec"].get("holderIdentity", "")) for one in leases if one["metadata"]["name"] == LEASE)
        return next(holders, "")

    def asked(self) -> int:
        return int(self.get("deployment", "idler")["spec"]["replicas"])

    def status(self) -> dict[str, Any]:
        return dict(self.get("workerpool", "idler").get("status", {}))

    def condition(self, kind: str) -> dict[str, Any]:
        found = (one for one in self.status().get("conditions", ()) if one["type"] == kind)
        return next(found, {"status": "", "reason": ""})

    def events(self, reason: str) -> list[dict[str, Any]]:
        """Events about the WorkerPool, of this reason."""
        found: list[dict[str, Any]] = self.get("events.events.k8s.io")["items"]
        return [one for one in found if one["reason"] == reason and one["regarding"]["name"] == "idler"]

    def until_asked(self, replicas: int, timeout_s: float) -> float:
        """Wait until so many are asked for; returns how long that took."""
        began = time.monotonic()
        eventually(lambda: self.asked() == replicas, timeout_s, self.status, 0.3)
        return time.monotonic() - began

    def alive(self) -> dict[str, Pod]:
        """The pods that are not being deleted, by name."""
        found = [pod_of(body) for body in self.get("pods")["items"]]
        return {pod.name: pod for pod in found if pod is not None}

    def scale(self, replicas: int) -> None:
        """Set the replicas, and wait until there are so many that are ready."""
        self.kubectl("scale", "deployment", "idler", f"--replicas={replicas}")

        def settled() -> bool:
            pods = self.alive()
            return len(pods) == replicas and all(pod.ready for pod in pods.values())

        eventually(settled, 60, poll_s=0.3)

    def _apply(self, version: str, kind: str, spec: dict[str, Any], labels: dict[str, str]) -> None:
        item = {"apiVersion": version, "kind": kind, "metadata": {"name": "idler", "labels": labels}, "spec": spec}
        self.kubectl("apply", "-f", "-", given=json.dumps(item))
