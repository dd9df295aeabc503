"""One WorkerPool under the operator: what it writes, and when."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from voicepipe_autoscaler.control.observe import Sighting
from voicepipe_autoscaler.control.target import TargetAway
from voicepipe_autoscaler.memory import Memory
from voicepipe_autoscaler.operator.cluster import Cluster
from voicepipe_autoscaler.operator.deployment_target import DeploymentTarget
from voicepipe_autoscaler.operator.managed_pool import ManagedPool
from voicepipe_autoscaler.operator.worker_pool import PAUSED
from voicepipe_wire.messaging.subjects import Queue
from voicepipe_wire.v1.scaling_pb2 import PoolState, QueueBacklog
from worker_pools import body

DEPLOYMENT = "voicepipe-transcribe-fast"


class Api:
    """Records what is written. Like the real one it refuses to write for a process that does not lead."""

    def __init__(self) -> None:
        self.leads = True
        self.fails: set[str] = set()
        self.scaled: list[int] = []
        self.patches: list[dict[str, Any]] = []
        self.events: list[str] = []

    def may_write(self) -> bool:
        return self.leads

    def _write(self, what: str) -> None:
        if not self.leads or what in self.fails:
            raise TargetAway(what)

    async def scale(self, deployment: str, replicas: int, resource_version: str) -> None:
        self._write("scale")
        assert (deployment, resource_version) == (DEPLOYMENT, "7")
        self.scaled.append(replicas)

    async def annotate_cost(self, pod: str, cost: int) -> None:
        del pod, cost
        self._write("annotate")

    async def set_status(self, pool: str, status: dict[str, Any]) -> None:
        self._write("status")
        assert pool == "fast"
        json.dumps(status, allow_nan=False)
        self.patches.append(status)

    async def post(self, name: str, uid: str, event: Any, now_s: float) -> None:
        del uid, now_s
        self._write("event")
        assert name == "fast"
        self.events.append(event.reason)


class Watch:
    """Sees so much audio that waits."""

    queue = Queue("transcribe", "fast")

    def __init__(self) -> None:
        self.waiting_s = 0.0
        self.announced: list[PoolState] = []

    async def look(self, pods: Any) -> Sighting:
        del pods
        now_s = time.time()
        return Sighting(
            backlog=(QueueBacklog(stage="transcribe", pool="fast", priority="standard", queued_s=self.waiting_s),),
            backlog_at_s=now_s,
            commands={"standard": (int(self.waiting_s > 0), 0)},
            commands_at_s=now_s,
        )

    async def announce(self, state: PoolState) -> None:
        self.announced.append(state)


class Managed:
    """A pool without replicas, the parts around it, and `step`."""

    def __init__(self) -> None:
        self.cluster = Cluster()
        self.cluster.deployments[DEPLOYMENT] = {
            "metadata": {"name": DEPLOYMENT, "resourceVersion": "7", "generation": 1},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"pool": "fast"}}, "template": {"spec": {}}},
            "status": {"observedGeneration": 1},
        }
        self.body: dict[str, Any] | None = body()
        self.api, self.watch, self.rival = Api(), Watch(), None
        self.pool = ManagedPool(
            lambda: self.body,
            self.api,  # type: ignore[arg-type]
            self.api.may_write,
            lambda name: DeploymentTarget(self.cluster, self.api, name, "gpu"),  # type: ignore[arg-type]
            lambda _: self.watch,  # type: ignore[arg-type,return-value]
            lambda _: self.rival,
        )

    async def step(self) -> None:
        await self.pool.step()

    @property
    def status(self) -> dict[str, Any]:
        """The newest status, as merge patches make it."""
        status: dict[str, Any] = {}
        for patch in self.api.patches:
            status = {key: value for key, value in {**status, **patch}.items() if value is not None}
        return status

    def condition(self, name: str) -> str | None:
        return next((one["status"] for one in self.status["conditions"] if one["type"] == name), None)


@pytest.fixture
def managed():
    return Managed()


async def test_work_wakes_a_pool_which_says_so_once(managed):
    await managed.step()
    managed.watch.waiting_s = 100.0
    await managed.step()
    assert managed.api.scaled == [1]
    assert managed.api.events.count("WokenUp") == 1
    assert managed.status["history"][0]["reason"] == "WokenUp"
    assert managed.status["selector"] == "pool=fast"


async def test_a_pool_at_rest_is_written_once(managed):
    for _ in range(5):
        await managed.step()
    assert len(managed.api.patches) == 1
    assert managed.api.events == []


async def test_who_does_not_lead_writes_nothing(managed):
    managed.api.leads = False
    managed.watch.waiting_s = 100.0
    await managed.step()
    assert (managed.api.scaled, managed.api.patches, managed.api.events) == ([], [], [])


async def test_leadership_lost_during_a_pass_ends_it_without_a_write(managed):
    managed.watch.waiting_s = 100.0
    look = managed.watch.look

    async def losing(pods: Any) -> Sighting:
        managed.api.leads = False
        return await look(pods)

    managed.watch.look = losing
    with pytest.raises(TargetAway):
        await managed.step()
    assert (managed.api.scaled, managed.api.patches, managed.api.events) == ([], [], [])


async def test_only_who_leads_says_how_the_pool_is(managed):
    await managed.step()
    assert [(one.pool, one.replicas, one.ready_in_s) for one in managed.watch.announced] == [("fast", 0, 20.0)]
    look = managed.watch.look

    async def losing(pods: Any) -> Sighting:
        managed.api.leads = False
        return await look(pods)

    managed.watch.look = losing
    for _ in range(2):  # one that loses it on the way, and one without it
        await managed.step()
    assert len(managed.watch.announced) == 1


@pytest.mark.parametrize("failing", ["status", "event"])
async def test_what_could_not_be_said_is_said_later_and_once(managed, failing):
    await managed.step()
    managed.watch.waiting_s = 100.0
    managed.api.fails = {failing}
    with pytest.raises(TargetAway):
        await managed.step()
    managed.cluster.deployments[DEPLOYMENT]["spec"]["replicas"] = 1
    managed.api.fails = set()
    for _ in range(3):
        await managed.step()
    assert managed.api.events.count("WokenUp") == 1
    assert [entry["reason"] for entry in managed.status["history"]] == ["WokenUp"]
    assert managed.api.scaled == [1]


async def test_a_pool_that_was_created_again_under_its_name_begins_anew(managed):
    managed.watch.waiting_s = 100.0
    await managed.step()
    assert managed.status["history"]
    managed.body = body()
    managed.body["metadata"]["uid"] = "another"
    managed.watch.waiting_s = 0.0
    managed.api.patches.clear()
    await managed.step()
    assert managed.status["history"] == []
    assert Memory.from_json(managed.status["memory"]).step is None
    assert "lastScaleTime" not in managed.status


async def test_a_new_leader_continues_and_repeats_no_warning(managed):
    managed.rival = "HorizontalPodAutoscaler x"
    await managed.step()
    assert managed.api.events.count("TwoScalers") == 1
    other = Managed()
    other.rival = managed.rival
    other.body = body(status=managed.status)
    for _ in range(3):
        await other.step()
    assert (other.api.events, other.api.patches) == ([], [])


async def test_a_rival_stalls_the_pool_until_it_is_gone(managed):
    managed.rival, managed.watch.waiting_s = "HorizontalPodAutoscaler x", 100.0
    for _ in range(3):
        await managed.step()
    assert managed.api.scaled == []
    assert len(managed.api.patches) == 1
    assert (managed.condition("Conflict"), managed.condition("Stalled")) == ("True", "True")
    managed.rival = None
    await managed.step()
    assert managed.api.scaled == [1]
    assert (managed.condition("Conflict"), managed.condition("Stalled")) == (None, "False")


async def test_a_condition_that_comes_and_goes_is_warned_of_once_in_five_minutes(managed, monkeypatch):
    for rival in ("HorizontalPodAutoscaler x", None) * 3:
        managed.rival = rival
        await managed.step()
    assert managed.api.events.count("TwoScalers") == 1
    later = time.time() + 301
    monkeypatch.setattr(time, "time", lambda: later)
    managed.rival = "HorizontalPodAutoscaler x"
    await managed.step()
    assert managed.api.events.count("TwoScalers") == 2


async def test_a_pool_without_a_deployment_and_one_that_makes_no_sense_say_so(managed):
    found = managed.cluster.deployments.pop(DEPLOYMENT)
    await managed.step()
    assert managed.status["reason"] == "NoDeployment"
    managed.cluster.deployments[DEPLOYMENT] = found
    managed.body = body(annotations={PAUSED: "perhaps"})
    await managed.step()
    assert managed.status["reason"] == "Unusable"
    assert managed.api.events == ["NoDeployment"]  # it was stalled already


async def test_a_pool_that_is_deleted_during_a_pass_fails_quietly(managed):
    look = managed.watch.look

    async def deleted(pods: Any) -> Sighting:
        managed.body = None
        managed.cluster.deployments.clear()
        managed.api.fails = {"status", "scale"}
        return await look(pods)

    managed.watch.look = deleted
    with pytest.raises(TargetAway):
        await managed.step()
    await managed.step()
    assert managed.api.patches == []
