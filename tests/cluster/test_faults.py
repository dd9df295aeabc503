"""Pods die under load, those of the servers too: nothing that was accepted is lost."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from cluster.kubernetes import Installation
from cluster.load import accepted_by_and_by, all_ended, repeated_call
from support.eventually import eventually
from support.front_door import FrontDoor, with_another_hash

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

KILLED = (
    "nats",
    "postgres",
    "object-store",
    "prepare",
    "transcribe",
    "assemble",
    "controller",
    "upload",
    "status",
    "gateway",
)
PAUSE_S = 6
AT_LEAST, AT_MOST = 30, 60
# The chart accepts no shorter one. The diarizer uses it all but 5 s.
SHORTEST_GRACE_S = 20
# Of the phone call of 30 s. Four minutes take a diarizer on two cores 50 s.
REPEATS = 8


def test_every_kind_of_pod_is_killed_and_every_recording_is_completed(
    running: Installation, door: FrontDoor, clip: bytes, record_property
):
    ids: list[str] = []
    stop = threading.Event()

    def send() -> None:
        while not stop.wait(1.0) and len(ids) < AT_MOST:
            ids.append(accepted_by_and_by(door, with_another_hash(clip), model="fast"))

    sender = threading.Thread(target=send)
    sender.start()
    try:
        time.sleep(PAUSE_S)
        for component in KILLED:
            running.delete_pod(component, grace_s=0)
            time.sleep(PAUSE_S)
        # A busy machine accepts them slowly.
        assert eventually(lambda: len(ids) >= AT_LEAST, 180, lambda: len(ids))
    finally:
        stop.set()
        sender.join()
    running.wait_until_ready()
    jobs = all_ended(door, ids, 400)
    states = sorted(job["state"] for job in jobs.values())
    record_property(
        "measured", f"{len(KILLED)} kinds of pods killed, {states.count('completed')} of {len(ids)} jobs completed"
    )
    assert set(states) == {"completed"}
    warned = [warning["code"] for job in jobs.values() for warning in job["warnings"]]
    assert "part_missing" not in warned
    assert all(door.transcript(job_id)["text"].strip() for job_id in ids)


def test_a_stopped_diarizer_hands_its_recording_back_within_its_grace_period(
    running: Installation, door: FrontDoor, record_property
):
    """The recording takes longer than the grace period, so it cannot simply be finished."""
    running.deploy(diarizer={"terminationGracePeriodSeconds": SHORTEST_GRACE_S})
    running.wait_until_ready()
    job_id = door.accepted(repeated_call(REPEATS), "long.wav", diarize="true")
    command = f"SELECT id FROM outbox WHERE job_id = '{job_id}' AND work = 'diarize'"  # noqa: S608 - our own id
    eventually(lambda: diarize_stage(door, job_id)["done_s"] > 0, 180)
    before = running.sql(command)
    began = time.monotonic()
    running.delete_pod("diarizer")
    after = eventually(lambda: running.sql(command) not in {before, "None"} and running.sql(command), 60)
    handed_back_s = time.monotonic() - began
    assert after != before
    job = door.end_of(job_id, 400)
    record_property(
        "measured", f"handed back after {handed_back_s:.0f} s, completed {time.monotonic() - began:.0f} s after SIGTERM"
    )
    assert handed_back_s < SHORTEST_GRACE_S + 5
    assert (job["state"], job["warnings"]) == ("completed", [])
    assert diarize_stage(door, job_id)["attempt"] == 1
    assert len(door.transcript(job_id)["speakers"]) == 2


def diarize_stage(door: FrontDoor, job_id: str) -> dict[str, Any]:
    return next(stage for stage in door.get(job_id)["stages"] if stage["stage"] == "diarize")
