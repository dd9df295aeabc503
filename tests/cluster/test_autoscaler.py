"""The operator in a real cluster, with real pods: workers follow the queue, and no recording is interrupted."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from cluster.kubernetes import RELEASE, Installation
from cluster.load import all_ended, repeated_call, send_many
from cluster.scaling import COOLDOWN_S, LEASE, VALUES, Scaled, install_definition, seconds, watching
from support.eventually import eventually
from support.front_door import FrontDoor, with_another_hash

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

POOL = "transcribe-fast"
# An order to stop is followed at once; the rest is the time that kubectl takes on a busy machine.
FAILOVER_S = 8
CLIPS = int(os.environ.get("AUTOSCALER_CLIPS", "60"))


@pytest.fixture(scope="module")
def scaled(installation: Installation) -> Scaled:
    install_definition(installation.kubernetes)
    installation.deploy(**VALUES)
    installation.wait_until_ready()
    return Scaled(installation)


@pytest.fixture(scope="module")
def scaled_door(scaled: Scaled) -> FrontDoor:
    return scaled.installation.door()


@pytest.fixture
def asleep(scaled: Scaled) -> None:
    """No worker is asked for, but the one `prepare` that always runs."""
    for name in (POOL, "diarizer"):
        scaled.until(name, 0)


def test_pools_without_work_sleep_and_say_so(scaled: Scaled, scaled_door: FrontDoor, asleep: None) -> None:
    eventually(lambda: scaled.status(POOL).get("reason") == "Asleep", 30, lambda: scaled.status(POOL))
    columns = scaled.installation.kubectl("get", "workerpool", f"{RELEASE}-{POOL}").splitlines()
    assert columns[0].split() == ["NAME", "READY", "DESIRED", "MIN", "MAX", "BACKLOG", "ETA", "SLO", "REASON", "AGE"]
    assert columns[1].split()[:9] == [f"{RELEASE}-{POOL}", "0/0", "0", "0", "3", "0s", "0s", "OK", "Asleep"]

    def offered() -> list[tuple[str, str]]:
        return [(one["name"], one["state"]) for one in scaled_door.http.get("/v1/capabilities").json()["models"]]

    eventually(lambda: offered() == [("fast", "asleep")], 15, offered)
    assert scaled.replicas("prepare") == 1


def test_a_burst_is_done_once_and_nothing_is_interrupted(
    scaled: Scaled, scaled_door: FrontDoor, asleep: None, clip: bytes, record_property
) -> None:
    """B2 with fewer clips: `AUTOSCALER_CLIPS=200` sends as many as the acceptance test names."""
    with watching(scaled, POOL) as curve:
        ids = send_many(scaled_door, clip, CLIPS, model="fast", language="en")
        jobs = all_ended(scaled_door, ids, 500)
        last = max(seconds(job["finished_at"]) for job in jobs.values())
        scaled.until(POOL, 0, COOLDOWN_S + 60)
        asleep_s = time.time() - last
    if plot := os.environ.get("AUTOSCALER_PLOT"):
        Path(plot).write_text(curve.plot(f"{CLIPS} clips in a real cluster"), encoding="utf-8")
    assert {job["state"] for job in jobs.values()} == {"completed"}
    attempts = {stage["attempt"] for job in jobs.values() for stage in job["stages"] if stage["stage"] != "diarize"}
    assert attempts == {1}, "no stage was begun twice"
    first_s = min(seconds(job["created_at"]) for job in jobs.values())
    woken = next(one for one in reversed(scaled.status(POOL)["history"]) if seconds(one["at"]) >= int(first_s))
    record_property(
        "measured",
        f"{CLIPS} clips: first pod asked {seconds(woken['at']) - first_s:.0f} s after the first upload, "
        f"at most {curve.most} pods, {curve.pod_seconds:.0f} pod-seconds, "
        f"{curve.turns} turns, asleep {asleep_s:.0f} s after the last",
    )
    assert curve.turns <= 1
    assert curve.most > 1
    assert asleep_s < COOLDOWN_S + 30


def test_clips_overtake_a_long_recording_and_its_pools_grow_with_it(
    scaled: Scaled, scaled_door: FrontDoor, asleep: None, clip: bytes, record_property
) -> None:
    """B3 with ten minutes instead of three hours."""
    waits_s = []
    with watching(scaled, POOL) as words, watching(scaled, "diarizer") as speakers:
        long = scaled_door.accepted(repeated_call(20), "long.wav", model="fast", diarize="true")
        eventually(lambda: scaled_door.get(long)["state"] == "transcribing", 120)
        for _ in range(5):
            began = time.monotonic()
            scaled_door.completed(
                scaled_door.accepted(with_another_hash(clip), "clip.wav", model="fast", priority="premium")
            )
            waits_s.append(time.monotonic() - began)
            assert scaled_door.get(long)["state"] == "transcribing", "a clip waited for the whole recording"
        job = scaled_door.end_of(long, 500)
    record_property(
        "measured",
        f"ten minutes with speakers: at most {words.most} pods for words and {speakers.most} for speakers; premium clips "
        f"meanwhile took {', '.join(f'{wait_s:.0f}' for wait_s in waits_s)} s",
    )
    assert job["state"] == "completed"
    assert {stage["attempt"] for stage in job["stages"]} == {1}
    assert words.most > 1
    assert speakers.most == 1


def test_every_change_is_in_the_history_and_is_one_event(scaled: Scaled, asleep: None) -> None:
    history = scaled.status(POOL)["history"]
    events = json.loads(
        scaled.installation.kubectl(
            "get", "events.events.k8s.io", "--field-selector", f"regarding.name={RELEASE}-{POOL}", "-o", "json"
        )
    )["items"]
    notes = [event["note"] for event in events if event["type"] == "Normal"]
    for change in history:
        assert notes.count(change["message"]) >= 1, change
    assert len(notes) == len({event["metadata"]["name"] for event in events if event["type"] == "Normal"})


def test_nothing_carries_a_mark_of_the_framework(scaled: Scaled) -> None:
    for kind in ("workerpools", "deployments", "pods", "leases"):
        for item in scaled.installation.get(kind)["items"]:
            assert "finalizers" not in item["metadata"] or kind == "pods", item["metadata"]["name"]
            marks = [key for key in item["metadata"].get("annotations", {}) if "kopf" in key or "zalando" in key]
            assert marks == []


def test_a_pool_can_be_pinned_and_paused_by_hand(scaled: Scaled, asleep: None) -> None:
    kubectl = scaled.installation.kubectl
    kubectl("scale", "workerpool", f"{RELEASE}-{POOL}", "--replicas=2")
    scaled.until(POOL, 2, 15)
    eventually(lambda: scaled.condition(POOL, "Paused")["reason"] == "Pinned", 15)
    kubectl(
        "patch", "workerpool", f"{RELEASE}-{POOL}", "--type=json", "-p", '[{"op": "remove", "path": "/spec/replicas"}]'
    )
    kubectl("annotate", "workerpool", f"{RELEASE}-{POOL}", "voicepipe.io/paused-scale-in=true")
    eventually(lambda: scaled.status(POOL).get("reason") == "PausedScaleIn", 60, lambda: scaled.status(POOL))
    assert scaled.replicas(POOL) == 2
    kubectl("annotate", "workerpool", f"{RELEASE}-{POOL}", "voicepipe.io/paused-scale-in-")
    scaled.until(POOL, 0)


def test_what_something_else_scales_is_left_alone(scaled: Scaled, asleep: None) -> None:
    kubectl = scaled.installation.kubectl
    hpa = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "rival"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": f"{RELEASE}-{POOL}"},
            "maxReplicas": 2,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
                }
            ],
        },
    }
    kubectl("apply", "-f", "-", given=json.dumps(hpa))
    try:
        eventually(lambda: scaled.condition(POOL, "Conflict")["status"] == "True", 60)
        assert "HorizontalPodAutoscaler rival" in scaled.condition(POOL, "Conflict")["message"]
    finally:
        kubectl("delete", "hpa", "rival")
    eventually(lambda: scaled.condition(POOL, "Conflict")["status"] != "True", 60)


def test_another_process_leads_soon_after_the_leader_was_stopped(scaled: Scaled, record_property) -> None:
    leader = eventually(scaled.leader, 30)
    began = time.monotonic()
    scaled.installation.kubectl("delete", "pod", leader, "--wait=false")
    eventually(lambda: scaled.leader() not in {"", leader}, 30, poll_s=0.2)
    took_s = time.monotonic() - began
    record_property("measured", f"another leader after {took_s:.1f} s")
    assert took_s < FAILOVER_S


def test_nothing_is_scaled_while_the_broker_is_away(
    scaled: Scaled, scaled_door: FrontDoor, asleep: None, clip: bytes, record_property
) -> None:
    kubectl = scaled.installation.kubectl
    kubectl("scale", "statefulset", f"{RELEASE}-nats", "--replicas=0")
    began = time.monotonic()
    eventually(lambda: scaled.condition(POOL, "MetricsAvailable")["status"] == "False", 60)
    noticed_s = time.monotonic() - began
    job_id = scaled_door.accepted(with_another_hash(clip), "clip.wav", model="fast")
    time.sleep(10)
    assert scaled.replicas(POOL) == 0
    kubectl("scale", "statefulset", f"{RELEASE}-nats", "--replicas=1")
    began = time.monotonic()
    scaled.until(POOL, 1, 90)
    record_property(
        "measured", f"noticed after {noticed_s:.0f} s, woken {time.monotonic() - began:.0f} s after NATS returned"
    )
    scaled_door.completed(job_id)


def test_the_lease_names_a_pod_that_exists(scaled: Scaled) -> None:
    holder = scaled.installation.get("lease", LEASE)["spec"]["holderIdentity"]
    assert holder in {pod["metadata"]["name"] for pod in scaled.installation.pods("autoscaler")}
