"""What `helm uninstall` leaves: the data and its passwords, and nothing else. A new installation goes on with them."""

from __future__ import annotations

import time

import pytest
from cluster.kubernetes import RELEASE, Installation
from support.eventually import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

KINDS = "all,configmaps,secrets,serviceaccounts,networkpolicies,poddisruptionbudgets,persistentvolumeclaims,ingresses,leases"


def leftovers(installation: Installation) -> list[str]:
    names = installation.kubectl("get", KINDS, "-o", "name").split()
    return sorted(name for name in names if name not in {"configmap/kube-root-ca.crt", "serviceaccount/default"})


def test_an_uninstalled_release_keeps_its_data_and_a_new_one_reads_it(
    running: Installation, clip: bytes, record_property
):
    door = running.door()
    job_id = door.accepted(clip, "yesterday.wav")
    text = door.completed(job_id)["text"]
    began = time.monotonic()
    running.uninstall()
    took_s = time.monotonic() - began
    assert eventually(
        lambda: (
            leftovers(running)
            == [f"persistentvolumeclaim/data-{RELEASE}-{server}-0" for server in ("nats", "object-store", "postgres")]
            + [f"secret/{RELEASE}-bundled"]
        ),
        30,
        lambda: leftovers(running),
    )
    record_property("measured", f"uninstalled in {took_s:.0f} s")
    running.deploy()
    again = running.door()
    assert again.key == door.key
    assert again.transcript(job_id)["text"] == text
    assert again.http.get(f"/v1/transcriptions/{job_id}/audio").content == clip


def test_the_namespace_can_be_deleted(running: Installation, record_property):
    running.uninstall()
    began = time.monotonic()
    running.delete_namespace()
    took_s = time.monotonic() - began
    record_property("measured", f"namespace deleted in {took_s:.0f} s")
