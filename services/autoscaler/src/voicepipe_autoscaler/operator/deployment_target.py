"""The pods of a Deployment as the replicas of a pool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from voicepipe_autoscaler.control.target import Replicas, TargetAway

from .api import Api
from .cluster import Cluster
from .pods import free_gpus, gpus_of, is_rolling_out, pod_of


class DeploymentTarget:
    """Implements `Target`. `nodes` are those of the cluster, None if they may not be seen."""

    def __init__(self, cluster: Cluster, api: Api, name: str, gpu_resource: str) -> None:
        self._cluster = cluster
        self._api = api
        self._name = name
        self._gpu_resource = gpu_resource
        self.nodes: Sequence[Mapping[str, Any]] | None = None

    @property
    def deployment(self) -> Mapping[str, Any] | None:
        return self._cluster.deployments.get(self._name)

    @property
    def needs_gpus(self) -> bool:
        found = self.deployment
        return found is not None and gpus_of(found["spec"]["template"]["spec"], self._gpu_resource) > 0

    async def look(self) -> Replicas:
        found = self._found()
        bodies = self._cluster.pods_of(found)
        pods = [pod for body in bodies if (pod := pod_of(body)) is not None]
        return Replicas(
            asked=found["spec"].get("replicas", 1),
            pods=tuple(pods),
            rollout=is_rolling_out(found),
            free_gpus=self._free_gpus(found),
        )

    async def scale(self, replicas: int, going: tuple[str, ...]) -> None:
        del going  # the ReplicaSet chooses by the deletion costs
        await self._api.scale(self._name, replicas, self._found()["metadata"]["resourceVersion"])

    async def set_costs(self, costs: Mapping[str, int]) -> None:
        for name, cost in costs.items():
            await self._api.annotate_cost(name, cost)

    def _found(self) -> Mapping[str, Any]:
        found = self.deployment
        if found is None:
            raise TargetAway(f"there is no Deployment {self._name}")
        return found

    def _free_gpus(self, found: Mapping[str, Any]) -> int | None:
        if self.nodes is None or not self.needs_gpus:
            return None
        return free_gpus(
            self.nodes, list(self._cluster.pods.values()), found["spec"]["template"]["spec"], self._gpu_resource
        )
