"""Pods of a real cluster: those that would find no GPU, and those that a ReplicaSet deletes first."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
from cluster.images import ONE_NODE
from cluster.operator_process import FOR_ALL_S, Backlog, Idlers, Operators
from support.eventually import eventually
from voicepipe_autoscaler.victims import DELETION_COST, victims

ROUNDS = int(os.environ.get("AUTOSCALER_ROUNDS", "8"))

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300 + 30 * ROUNDS)]


@pytest.fixture
def gpus() -> Iterator[Callable[[int], None]]:
    if not ONE_NODE.exists():
        pytest.skip("only the one-node cluster can claim GPUs that it does not have")

    def claim(count: int) -> None:
        subprocess.run([ONE_NODE, "gpus", str(count)], check=True)

    yield claim
    claim(0)


def test_no_more_pods_are_asked_for_than_there_are_gpus(
    idlers: Idlers, operators: Operators, backlog: Backlog, gpus: Callable[[int], None], record_property
) -> None:
    gpus(2)
    idlers.create(gpus=1)
    operators.start("one")
    eventually(idlers.leader, 30)
    time.sleep(6)  # the nodes have been seen
    backlog.seconds = FOR_ALL_S
    began = time.monotonic()
    eventually(lambda: idlers.condition("ScalingLimited")["reason"] == "TooFewGPUs", 30)
    limited_s = time.monotonic() - began
    time.sleep(5)
    assert idlers.asked() == 2
    assert all(pod.node for pod in idlers.alive().values()), "none waits for a GPU"
    gpus(3)
    more_s = idlers.until_asked(3, 30)
    record_property("measured", f"limited after {limited_s:.0f} s, a third pod {more_s:.0f} s after a third GPU")


def test_a_deployment_that_is_made_smaller_loses_its_cheapest_pods(idlers: Idlers, record_property) -> None:
    """B5, with 50 rounds if `AUTOSCALER_ROUNDS` says so. The costs are drawn at random, as drained, idle and busy pods have them.

    Among pods of one cost the order of magnitude of ages decides, which may change between the prediction and the deletion. That does not
    matter: pods of one cost are all drained, or none of them is.
    """
    idlers.create()
    draw = random.Random(11)
    right = 0
    for _ in range(ROUNDS):
        idlers.scale(5)
        for name in idlers.alive():
            if cost := draw.choice([0, 0, -1000, 100, 250]):
                idlers.kubectl("annotate", "--overwrite", "pod", name, f"{DELETION_COST}={cost}")
        time.sleep(1.5)
        going = draw.randint(1, 4)
        before = idlers.alive()
        predicted = {pod.name for pod in victims(list(before.values()), going, time.time())}
        idlers.scale(5 - going)
        gone = before.keys() - idlers.alive().keys()
        assert sorted(before[name].deletion_cost for name in gone) == sorted(
            before[name].deletion_cost for name in predicted
        )
        right += gone == predicted
    record_property("measured", f"{right} of {ROUNDS} predictions named the very pods")
