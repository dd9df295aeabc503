"""An installation whose servers start late: everything waits, and nothing is restarted."""

from __future__ import annotations

import time

import pytest
from cluster.kubernetes import RELEASE, Installation

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

LATE_S = 60


def scale(installation: Installation, server: str, replicas: int) -> None:
    installation.kubectl("scale", "statefulset", f"{RELEASE}-{server}", f"--replicas={replicas}")


def wait_for_server(installation: Installation, server: str) -> None:
    installation.kubectl("rollout", "status", f"statefulset/{RELEASE}-{server}", "--timeout=60s")


def test_services_wait_for_servers_that_start_a_minute_late(installation: Installation, clip: bytes, record_property):
    installation.deploy(wait=False)
    for server in ("postgres", "nats"):
        scale(installation, server, 0)
    time.sleep(LATE_S)
    assert not any("upload" in name or "status" in name for name in ready_names(installation))
    assert "waiting" in installation.kubectl("logs", f"deployment/{RELEASE}-status")
    scale(installation, "postgres", 1)
    wait_for_server(installation, "postgres")
    # The migrations, and then whatever does not need NATS.
    installation.kubectl("rollout", "status", f"deployment/{RELEASE}-status", "--timeout=60s")
    scale(installation, "nats", 1)
    wait_for_server(installation, "nats")
    ready_s = installation.wait_until_ready(60)
    record_property("measured", f"all ready {ready_s:.1f} s after the last server")
    assert installation.restarts() == {}
    door = installation.door()
    assert door.completed(door.accepted(clip))["text"].strip()


def ready_names(installation: Installation) -> list[str]:
    unready = {name.partition(":")[0] for name in installation.unready()}
    return [pod["metadata"]["name"] for pod in installation.pods() if pod["metadata"]["name"] not in unready]
