"""The settings of the operator."""

from __future__ import annotations

import socket

from pydantic import Field
from voicepipe_wire.settings import ProcessSettings


class Settings(ProcessSettings):
    # The namespace of the WorkerPools, which is that of their Deployments and of the Lease.
    namespace: str = Field(min_length=1)
    # The labels of the Deployments and pods that may be targets: KEY=VALUE, separated by commas.
    target_labels: str = Field(
        "app.kubernetes.io/part-of=voicepipe", pattern=r"^[^=,\s]+=[^=,\s]+(,[^=,\s]+=[^=,\s]+)*$"
    )
    # The name of the Lease; processes with the same one take turns.
    lease_name: str = "voicepipe-autoscaler"
    # The name of this process in the Lease and in events.
    identity: str = Field(default_factory=socket.gethostname)
    # Whether the nodes may be listed, so that no more pods are asked for than there are GPUs.
    watch_nodes: bool = False
    gpu_resource: str = "nvidia.com/gpu"

    @property
    def labels(self) -> dict[str, str]:
        return dict(pair.split("=", 1) for pair in self.target_labels.split(","))
