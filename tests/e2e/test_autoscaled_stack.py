"""`make up` with `--autoscale`: workers and their models sleep while there is nothing to do, and wake for a recording."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.eventually import eventually
from support.front_door import FrontDoor
from voicepipe_local.disposable_stack import DisposableStack
from voicepipe_local.testing import REAL_MODELS, real_models, stacks

pytestmark = pytest.mark.timeout(300)

SETTINGS = REAL_MODELS | {
    "VOICEPIPE_MODELS": "accurate=whisper-base",
    "VOICEPIPE_AUTOSCALE_COOLDOWN_S": "4",
    "VOICEPIPE_AUTOSCALE_DOWN_WINDOW_S": "4",
}
SLEEPERS = {"transcribe-accurate", "triton-accurate", "diarizer", "prepare-2"}


@pytest.fixture(scope="module")
def autoscaled() -> Iterator[DisposableStack]:
    real_models()
    with stacks() as start:
        yield start(env=SETTINGS, autoscale=True)


def stopped(stack: DisposableStack) -> set[str]:
    return {one["name"] for one in stack.ask("states")["components"] if one["state"] == "stopped"}


def is_asleep(stack: DisposableStack) -> bool:
    return stopped(stack) == SLEEPERS


def memory_mib(stack: DisposableStack) -> float:
    return sum(one["memory_bytes"] for one in stack.ask("ps")["components"]) / 2**20


@pytest.fixture(scope="module")
def sleepy_door(autoscaled: DisposableStack) -> Iterator[FrontDoor]:
    front = FrontDoor(autoscaled.url, autoscaled.api_key)
    yield front
    front.http.close()


def pool_states(door: FrontDoor) -> dict[str, str]:
    return {model["name"]: model["state"] for model in door.http.get("/v1/capabilities").json()["models"]}


def test_models_sleep_and_a_recording_wakes_them(
    autoscaled: DisposableStack, sleepy_door: FrontDoor, spoken_wav: Path, record_property
) -> None:
    awake_mib = memory_mib(autoscaled)
    eventually(lambda: is_asleep(autoscaled), 60, lambda: stopped(autoscaled))
    asleep_mib = memory_mib(autoscaled)
    record_property("measured", f"{awake_mib:.0f} MiB awake, {asleep_mib:.0f} MiB asleep")
    assert asleep_mib < awake_mib / 2
    eventually(lambda: set(pool_states(sleepy_door).values()) == {"away"}, 60)
    job_id = sleepy_door.accepted(spoken_wav, diarize="true")
    transcript = sleepy_door.completed(job_id, 120)
    assert transcript["speakers"]
    assert sleepy_door.get(job_id)["warnings"] == []
    eventually(lambda: is_asleep(autoscaled), 60, lambda: stopped(autoscaled))


def test_an_autoscaler_that_was_killed_continues(
    autoscaled: DisposableStack, sleepy_door: FrontDoor, spoken_wav: Path
) -> None:
    eventually(lambda: is_asleep(autoscaled), 60, lambda: stopped(autoscaled))
    autoscaled.kill("autoscaler")
    sleepy_door.completed(sleepy_door.accepted(spoken_wav, keyterms="second"), 120)
