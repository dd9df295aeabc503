"""A pool whose pods hold every GPU of the cluster can still be rolled out. The node only claims to have GPUs."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import pytest
from cluster.images import ONE_NODE, TAG
from cluster.kubernetes import RELEASE, VALUES, Installation

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

ROLLOUT_S = 120
# Triton for processors stands in for the one for GPUs, which is told to compute on the processor.
ON_PROCESSOR = [
    {"name": "VOICEPIPE_WHISPER_DEVICE", "value": "cpu"},
    {"name": "VOICEPIPE_TRITON_CONFIG", "value": "cpu"},
    {"name": "VOICEPIPE_WHISPER_THREADS", "value": "1"},
]
POOLS = {
    "accurate": {"device": "gpu", "replicas": 2, "model": "whisper-tiny.en", "tritonExtraEnv": ON_PROCESSOR},
    "fast": {"enabled": False},
}


@pytest.fixture(scope="module")
def two_gpus() -> Iterator[None]:
    if not ONE_NODE.exists():
        pytest.skip("only the one-node cluster can claim GPUs that it does not have")
    subprocess.run([ONE_NODE, "gpus", "2"], check=True)
    yield
    subprocess.run([ONE_NODE, "gpus", "0"], check=True)


def test_a_pool_that_holds_every_gpu_is_replaced_pod_by_pod(two_gpus, installation: Installation, record_property):
    images = VALUES["images"] | {"tritonGpu": {"repository": "voicepipe/triton", "tag": TAG}}
    installation.deploy(images=images, pools=POOLS, diarizer={"enabled": False})
    name = f"deployment/{RELEASE}-transcribe-accurate"
    installation.kubectl("rollout", "status", name, "--timeout=120s")
    began = time.monotonic()
    installation.kubectl("rollout", "restart", name)
    installation.kubectl("rollout", "status", name, f"--timeout={ROLLOUT_S}s")
    record_property("measured", f"two pods on two GPUs replaced in {time.monotonic() - began:.0f} s")
    pods = installation.pods("transcribe")
    running = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    assert len(running) == 2
    for pod in running:
        (triton,) = (item for item in pod["spec"]["initContainers"] if item["name"] == "triton")
        assert triton["resources"]["limits"]["nvidia.com/gpu"] == "1"
