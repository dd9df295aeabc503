"""Upgrades and rollbacks under load: every recording is done once, and the API goes on answering."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from cluster.kubernetes import RELEASE, Installation, is_ready
from cluster.load import all_ended, polling, send_many, states
from support.eventually import eventually
from support.front_door import FrontDoor

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

JOBS = 100
MAX_API_ERRORS = 0.001
ROLLED = ("upload", "status")
OURS = ("upload", "status", "prepare", "transcribe", "assemble", "controller", "diarizer")
NEWEST = "SELECT migration_id FROM _yoyo_migration ORDER BY migration_id DESC LIMIT 1"


def uids(installation: Installation) -> set[str]:
    return {pod["metadata"]["uid"] for component in OURS for pod in installation.pods(component)}


def new_pods(installation: Installation, before: set[str]) -> list[dict[str, Any]]:
    pods = [pod for component in ROLLED for pod in installation.pods(component)]
    return [pod for pod in pods if pod["metadata"]["uid"] not in before]


def test_an_upgrade_and_a_rollback_lose_and_repeat_nothing(
    running: Installation, door: FrontDoor, clip: bytes, record_property
):
    before = uids(running)
    # All of them are under way when the upgrade begins: none is transcribed before.
    fast = f"deployment/{RELEASE}-transcribe-fast"
    running.kubectl("scale", fast, "--replicas=0")
    ids = send_many(door, clip, JOBS, model="fast")
    with polling(door, "/v1/capabilities") as answers:
        running.deploy(wait=False, logLevel="debug")
        running.kubectl("scale", fast, "--replicas=1")
        eventually(lambda: sum(job["state"] == "completed" for job in states(door, ids).values()) > JOBS // 3, 300)
        done_at_rollback = sum(job["state"] == "completed" for job in states(door, ids).values())
        running.helm("rollback", RELEASE, "1", "--wait", "--timeout", "5m")
        jobs = all_ended(door, ids, 400)
        running.wait_until_ready()
    assert {job["state"] for job in jobs.values()} == {"completed"}
    assert {job["transcript_version"] for job in jobs.values()} == {1}
    assert done_at_rollback < JOBS
    assert not before & uids(running)
    record_property(
        "measured",
        f"{JOBS} of {JOBS} jobs done, {done_at_rollback} before the rollback; API: {answers.errors} errors in "
        f"{answers.total} requests {dict(answers.by_status)} {answers.failures[:3]}",
    )
    assert answers.errors <= MAX_API_ERRORS * answers.total
    assert door.http.get("/v1/admin/dead-letters").json()["items"] == []
    assert running.restarts() == {}


def test_no_delivery_was_spent(running: Installation):
    for component in ("prepare", "transcribe", "assemble", "controller"):
        outcomes = dict(
            re.findall(
                r'^voicepipe_commands_total\{outcome="(\w+)".*\} (\S+)$', running.metrics(component), re.MULTILINE
            )
        )
        assert not outcomes.keys() & {"failed", "dead_lettered", "lost"}, (component, outcomes)


def test_new_pods_wait_for_the_schema_while_the_old_ones_serve(running: Installation, door: FrontDoor, record_property):
    """The newest migration is taken out of the list of those that were applied: as if the Job had not run yet."""
    migration = running.sql(f"DELETE FROM _yoyo_migration WHERE migration_id = ({NEWEST}) RETURNING migration_id")  # noqa: S608
    before = uids(running)
    with polling(door, "/v1/capabilities") as answers:
        for component in ROLLED:
            running.kubectl("rollout", "restart", f"deployment/{RELEASE}-{component}")
        eventually(lambda: len(new_pods(running, before)) == len(ROLLED), 60)
        time.sleep(15)
        assert not any(is_ready(pod) for pod in new_pods(running, before))
        assert all(any(is_ready(pod) for pod in running.pods(component)) for component in ROLLED)
        running.sql(
            "INSERT INTO _yoyo_migration (migration_hash, migration_id, applied_at_utc) "
            f"SELECT md5('{migration}'), '{migration}', now() RETURNING 1"
        )
        ready_s = running.wait_until_ready(120)
    record_property(
        "measured", f"ready {ready_s:.0f} s after the schema; {answers.errors} of {answers.total} requests failed"
    )
    assert answers.errors <= MAX_API_ERRORS * answers.total
    assert running.restarts() == {}
