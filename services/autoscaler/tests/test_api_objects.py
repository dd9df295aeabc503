"""Pods, Deployments and nodes of the API."""

import pytest
from voicepipe_autoscaler.observation import Pod
from voicepipe_autoscaler.operator.pods import free_gpus, gpus_of, is_rolling_out, pod_of, seconds
from voicepipe_autoscaler.victims import DELETION_COST

GPU = "nvidia.com/gpu"


def pod_body(name="a", *, ready=True, node="n1", gpus=0, **metadata):
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "creationTimestamp": "2026-01-01T00:00:00Z", **metadata},
        "spec": {"nodeName": node, "containers": [{"resources": {"limits": {GPU: str(gpus)}}}]},
        "status": {
            "phase": "Running",
            "conditions": [
                {"type": "Ready", "status": str(ready), "lastTransitionTime": "2026-01-01T00:01:00Z"},
            ],
            "containerStatuses": [{"restartCount": 2}, {"restartCount": 1}],
        },
    }


def test_a_pod_is_read_with_what_decides_about_its_deletion():
    assert pod_of(pod_body(annotations={DELETION_COST: "-1000"})) == Pod(
        name="a",
        asked_at_s=seconds("2026-01-01T00:00:00Z"),
        ready_at_s=seconds("2026-01-01T00:01:00Z"),
        node="n1",
        phase="Running",
        deletion_cost=-1000,
        restarts=3,
        uid="uid-a",
    )


def test_a_pod_that_goes_or_has_ended_is_no_replica():
    assert pod_of(pod_body(deletionTimestamp="2026-01-01T00:02:00Z")) is None
    ended = pod_body()
    ended["status"]["phase"] = "Failed"
    assert pod_of(ended) is None


def test_a_pod_that_was_just_created_has_no_status_yet():
    new = {"metadata": {**pod_body()["metadata"]}, "spec": {}}
    pod = pod_of(new)
    assert pod is not None
    assert (pod.ready_at_s, pod.node, pod.phase) == (None, "", "Pending")


def test_a_cost_that_somebody_else_wrote_wrongly_counts_as_none():
    assert pod_of(pod_body(annotations={DELETION_COST: "cheap"})).deletion_cost == 0


@pytest.mark.parametrize(
    ("generation", "observed", "replicas", "updated", "rolling"),
    [(2, 2, 3, 3, False), (2, 1, 3, 3, True), (2, 2, 4, 3, True), (2, 2, 2, 2, False)],
)
def test_a_rollout_is_seen_by_its_old_pods(generation, observed, replicas, updated, rolling):
    status = {"observedGeneration": observed, "replicas": replicas, "updatedReplicas": updated}
    assert is_rolling_out({"metadata": {"generation": generation}, "status": status}) is rolling


def node(name="n1", gpus=4, *, labels=None, taints=(), unschedulable=False):
    return {
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {"taints": list(taints), "unschedulable": unschedulable},
        "status": {"allocatable": {GPU: str(gpus)}},
    }


SPEC = {
    "containers": [{"resources": {"limits": {"memory": "1Gi"}}}],
    "initContainers": [{"resources": {"limits": {GPU: "1"}}}],
    "nodeSelector": {"kind": "gpu"},
    "tolerations": [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}],
}
LABELS = {"kind": "gpu"}
TAINT = {"key": GPU, "value": "present", "effect": "NoSchedule"}


def test_free_gpus_are_those_of_suitable_nodes_that_no_pod_has():
    nodes = [node("n1", 4, labels=LABELS, taints=[TAINT]), node("n2", 2, labels=LABELS)]
    used = [pod_body("a", node="n1", gpus=1), pod_body("b", node="n1", gpus=1), pod_body("c", node="", gpus=1)]
    assert free_gpus(nodes, used, SPEC, GPU) == 4


@pytest.mark.parametrize(
    "unsuitable",
    [
        node(labels={"kind": "cpu"}),
        node(labels=LABELS, unschedulable=True),
        node(labels=LABELS, taints=[{"key": "dedicated", "value": "x", "effect": "NoExecute"}]),
    ],
    ids=["other label", "cordoned", "another taint"],
)
def test_other_nodes_have_no_gpus_for_these_pods(unsuitable):
    assert free_gpus([unsuitable], [], SPEC, GPU) == 0


def test_a_node_is_not_in_debt():
    assert free_gpus([node(gpus=1, labels=LABELS)], [pod_body(gpus=3)], SPEC, GPU) == 0


def test_the_sidecar_counts():
    assert gpus_of(SPEC, GPU) == 1
