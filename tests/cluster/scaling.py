"""An installation that its autoscaler scales, seen from outside."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from cluster.images import ROOT
from cluster.kubernetes import RELEASE, Installation, Kubernetes
from support.eventually import eventually
from voicepipe_autoscaler.simulate.plot import svg
from voicepipe_autoscaler.simulate.run import Run

CRDS = ROOT / "deploy" / "helm" / "voicepipe-crds"
COOLDOWN_S = 10
LEASE = f"{RELEASE}-autoscaler"


def install_definition(kubernetes: Kubernetes, folder: Path = CRDS) -> None:
    """The definition of WorkerPools, as `helm install` would create it."""
    kubernetes.run(
        "kubectl",
        "apply",
        "--server-side",
        "-f",
        "-",
        given=kubernetes.run("helm", "template", "crds", str(folder), "--kube-version", "1.34.0"),
    )
    kubernetes.run("kubectl", "wait", "--for=condition=established", "crd/workerpools.voicepipe.io", "--timeout=30s")


def scaling(**more: Any) -> dict[str, Any]:
    """Bounds under which a test sees a pool sleep."""
    return {"cooldownSeconds": COOLDOWN_S, "downStabilisationSeconds": COOLDOWN_S, **more}


# One small model, whose pods wake in seconds.
VALUES: dict[str, Any] = {
    "autoscaler": {"enabled": True, "replicas": 2},
    "pools": {
        "accurate": {"enabled": False},
        "fast": {"scaling": scaling(min=0, max=3, coldStartSeconds=10, standardSeconds=20, premiumSeconds=10, speed=3)},
    },
    "diarizer": {"scaling": scaling(min=0, max=1)},
    "prepare": {"concurrency": 2, "scaling": scaling(min=1, max=2)},
}


@dataclass
class Scaled:
    """The WorkerPools of an installation."""

    installation: Installation

    def pool(self, name: str) -> dict[str, Any]:
        return dict(self.installation.get("workerpool", f"{RELEASE}-{name}"))

    def status(self, name: str) -> dict[str, Any]:
        return dict(self.pool(name).get("status", {}))

    def condition(self, name: str, kind: str) -> dict[str, Any]:
        found = (one for one in self.status(name).get("conditions", ()) if one["type"] == kind)
        return next(found, {"status": "", "reason": "", "message": ""})

    def replicas(self, name: str) -> int:
        return int(self.installation.get("deployment", f"{RELEASE}-{name}")["spec"]["replicas"])

    def until(self, name: str, replicas: int, timeout_s: float = 90) -> float:
        """Wait until a Deployment asks for so many replicas; returns how long that took."""
        began = time.monotonic()
        eventually(lambda: self.replicas(name) == replicas, timeout_s, lambda: self.status(name), 0.5)
        return time.monotonic() - began

    def leader(self) -> str:
        return str(self.installation.get("lease", LEASE)["spec"].get("holderIdentity", ""))


@dataclass
class Curve:
    """The replicas of a Deployment over time: (seconds since the beginning, asked, ready), and the audio that waits."""

    points: list[tuple[float, int, int]] = field(default_factory=list)
    backlog_s: list[tuple[float, float]] = field(default_factory=list)

    def plot(self, title: str) -> str:
        """Both as an SVG."""
        asked, ready = Run("asked for", backlog_s=self.backlog_s), Run("ready", backlog_s=self.backlog_s)
        for at_s, asked_for, are_ready in self.points:
            asked.scaled(at_s, asked_for)
            ready.scaled(at_s, are_ready)
        return svg(title, [asked, ready], self.points[-1][0])

    @property
    def most(self) -> int:
        """The most that were asked for at a time."""
        return max(asked for _, asked, _ in self.points)

    @property
    def turns(self) -> int:
        """Changes from growing to shrinking or back."""
        steps = [after - before for (_, before, _), (_, after, _) in pairwise(self.points) if after != before]
        return sum((one > 0) != (other > 0) for one, other in pairwise(steps))

    @property
    def pod_seconds(self) -> float:
        return sum((after - before) * asked for (before, asked, _), (after, *_) in pairwise(self.points))


@contextmanager
def watching(scaled: Scaled, name: str) -> Iterator[Curve]:
    """Record the replicas of a Deployment about once a second."""
    curve, stop, began = Curve(), threading.Event(), time.monotonic()

    def record() -> None:
        while not stop.wait(0.7):
            found = scaled.installation.get("deployment", f"{RELEASE}-{name}")
            ready = found["status"].get("readyReplicas", 0)
            curve.points.append((time.monotonic() - began, found["spec"]["replicas"], ready))
            curve.backlog_s.append((curve.points[-1][0], scaled.status(name).get("backlogSeconds", 0)))

    thread = threading.Thread(target=record)
    thread.start()
    try:
        yield curve
    finally:
        stop.set()
        thread.join()


def seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()
