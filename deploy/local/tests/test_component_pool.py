"""The components of a small stack as a pool that is scaled."""

import os
import signal

import pytest
from support.eventually import eventually, eventually_async
from voicepipe_autoscaler.control.target import TargetAway
from voicepipe_local.component_pool import ComponentPool

pytestmark = pytest.mark.servers  # small stacks of real processes

WORKERS = ("w", "w-2", "w-3")


@pytest.fixture
def stack(small):
    made = small("model:asleep:stubborn", ",", "w:asleep", "w-2:asleep", "w-3:asleep", "other")
    made.wait_until_ready()
    return made


@pytest.fixture
def pool(stack):
    return ComponentPool(stack.data, WORKERS, "model")


def states(stack):
    return {one["name"]: one["state"] for one in stack.ask("states")["components"]}


async def until_ready(pool, count):
    async def looked():
        seen = await pool.look()
        return seen if sum(pod.ready for pod in seen.pods) == count == seen.asked else None

    return await eventually_async(looked)


async def test_workers_start_in_order_and_with_them_their_model(stack, pool):
    assert (await pool.look()).asked == 0
    await pool.scale(2, ())
    seen = await until_ready(pool, 2)
    assert [pod.name for pod in seen.pods] == ["w", "w-2"]
    assert all(pod.ready_at_s > pod.asked_at_s for pod in seen.pods)
    eventually(lambda: states(stack) == {"model": "up", "w": "up", "w-2": "up", "w-3": "stopped", "other": "up"})


async def test_those_stop_that_the_decision_names_and_the_model_after_the_last(stack, pool):
    await pool.scale(3, ())
    await until_ready(pool, 3)
    await pool.scale(1, ("w-2", "w"))
    assert [pod.name for pod in (await until_ready(pool, 1)).pods] == ["w-3"]
    assert states(stack)["model"] in {"starting", "up"}
    await pool.scale(0, ("w-3",))

    async def all_stopped():
        await pool.look()
        return set(states(stack).values()) == {"stopped", "up"} and states(stack)["model"] == "stopped"

    await eventually_async(all_stopped)


async def test_a_model_that_is_still_stopping_starts_again_for_a_new_worker(stack, pool):
    await pool.scale(1, ())
    await until_ready(pool, 1)
    eventually(lambda: states(stack)["model"] == "up")
    stack.ask("stop", "w")
    await pool.look()  # asks the model to stop, which takes its whole grace period
    eventually(lambda: states(stack)["model"] == "stopping")
    await pool.scale(1, ())
    await until_ready(pool, 1)

    async def model_runs():
        await pool.look()
        return states(stack)["model"] == "up"

    await eventually_async(model_runs)


async def test_a_worker_that_was_stopped_by_hand_is_not_stopped_instead_of_another(stack, pool):
    await pool.scale(3, ())
    await until_ready(pool, 3)
    stack.ask("stop", "w-2")
    await pool.scale(1, ("w-2", "w"))
    assert [pod.name for pod in (await until_ready(pool, 1)).pods] == ["w-3"]


async def test_a_worker_that_has_died_is_a_replica_that_starts_and_not_one_that_is_lost(stack, pool):
    await pool.scale(1, ())
    before = (await until_ready(pool, 1)).pods[0]
    os.kill(stack.component("w")["pid"], signal.SIGKILL)

    async def died():
        (pod,) = (await pool.look()).pods
        return pod if not pod.ready else None

    assert (await eventually_async(died)).asked_at_s > before.ready_at_s
    assert (await until_ready(pool, 1)).pods[0].restarts == 1


async def test_costs_are_kept_for_as_long_as_a_worker_runs(stack, pool):
    await pool.scale(1, ())
    await until_ready(pool, 1)
    await pool.set_costs({"w": -1000})
    assert (await pool.look()).pods[0].deletion_cost == -1000
    stack.ask("stop", "w")
    await pool.look()
    await pool.scale(1, ())
    assert (await until_ready(pool, 1)).pods[0].deletion_cost == 0


async def test_a_stack_that_does_not_answer_is_a_target_that_is_away(stack, pool):
    stack.ask("down")
    stack.guard.wait()
    for request in (pool.look(), pool.scale(1, ())):
        with pytest.raises(TargetAway):
            await request
