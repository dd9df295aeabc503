"""Pods, Deployments and nodes of the API as what the autoscaler needs of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from voicepipe_autoscaler.observation import Pod
from voicepipe_autoscaler.victims import DELETION_COST

ENDED = {"Succeeded", "Failed"}


def pod_of(body: Mapping[str, Any]) -> Pod | None:
    """A pod that counts as a replica; None for one that is being deleted or has ended."""
    metadata, status = body["metadata"], body.get("status") or {}
    if metadata.get("deletionTimestamp") or status.get("phase") in ENDED:
        return None
    ready = next((one for one in status.get("conditions") or () if one["type"] == "Ready"), None)
    return Pod(
        name=metadata["name"],
        asked_at_s=seconds(metadata["creationTimestamp"]),
        ready_at_s=seconds(ready["lastTransitionTime"]) if ready and ready["status"] == "True" else None,
        node=body["spec"].get("nodeName") or "",
        phase=status.get("phase") or "Pending",
        deletion_cost=_cost(metadata),
        restarts=sum(one.get("restartCount", 0) for one in status.get("containerStatuses") or ()),
        uid=metadata["uid"],
    )


def seconds(timestamp: str) -> float:
    """Seconds since 1970 of a time of the API."""
    return datetime.fromisoformat(timestamp).timestamp()


def is_rolling_out(deployment: Mapping[str, Any]) -> bool:
    """Whether there are pods of an older version, or a change that the controller has not seen."""
    status = deployment.get("status") or {}
    if status.get("observedGeneration", 0) < deployment["metadata"]["generation"]:
        return True
    return bool(status.get("replicas", 0) > status.get("updatedReplicas", 0))


def gpus_of(pod_spec: Mapping[str, Any], resource: str) -> int:
    """The GPUs that a pod of this spec asks for."""
    containers = [*pod_spec.get("containers", ()), *pod_spec.get("initContainers", ())]
    asked = (int(((one.get("resources") or {}).get("limits") or {}).get(resource, 0)) for one in containers)
    return sum(asked)


def free_gpus(
    nodes: Iterable[Mapping[str, Any]], pods: Iterable[Mapping[str, Any]], pod_spec: Mapping[str, Any], resource: str
) -> int:
    """How many more pods of `pod_spec` the GPUs of its nodes can take.

    `pods` are those of the operator's own namespace: it may not see others, so their GPUs count as free.
    """
    each = gpus_of(pod_spec, resource)
    total = 0
    by_node: dict[str, int] = {}
    for pod in pods:
        if (pod.get("status") or {}).get("phase") not in ENDED and (node := pod["spec"].get("nodeName")):
            by_node[node] = by_node.get(node, 0) + gpus_of(pod["spec"], resource)
    for node in nodes:
        if _suits(node, pod_spec):
            allocatable = int((node.get("status") or {}).get("allocatable", {}).get(resource, 0))
            total += max(allocatable - by_node.get(node["metadata"]["name"], 0), 0) // each if each else 0
    return total


def _suits(node: Mapping[str, Any], pod_spec: Mapping[str, Any]) -> bool:
    """Whether pods of this spec may run on a node: by its selector, taints and cordon. Affinities are not looked at."""
    labels, spec = node["metadata"].get("labels") or {}, node.get("spec") or {}
    if spec.get("unschedulable"):
        return False
    if any(labels.get(key) != value for key, value in (pod_spec.get("nodeSelector") or {}).items()):
        return False
    taints = [one for one in spec.get("taints") or () if one["effect"] in {"NoSchedule", "NoExecute"}]
    return all(any(_tolerates(one, taint) for one in pod_spec.get("tolerations") or ()) for taint in taints)


def _tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    if toleration.get("effect") not in {None, "", taint["effect"]}:
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in {None, "", taint["key"]}
    return (toleration.get("key"), toleration.get("value", "")) == (taint["key"], taint.get("value", ""))


def _cost(metadata: Mapping[str, Any]) -> int:
    try:
        return int((metadata.get("annotations") or {}).get(DELETION_COST, "0"))
    except ValueError:
        return 0
