"""`make up` with `--autoscale`: workers and their models sleep while there is nothing to do, and wake for a recording."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


def cold_starts_s(door: FrontDoor) -> list[float]:
    """How long the model and the diarizer take to start, once clients are told that both sleep."""

    def offered() -> list[dict[str, Any]]:
        found = door.http.get("/v1/capabilities").json()
        return [*found["models"], found["speakers"]]

    # Within two passes of the autoscaler, although the last heartbeats of the workers are younger than 30 s.
    eventually(lambda: [one["state"] for one in offered()] == ["asleep", "asleep"], 10, offered)
    return [one["ready_in_s"] for one in offered()]


def test_models_sleep_and_a_recording_wakes_them(
    autoscaled: DisposableStack, sleepy_door: FrontDoor, spoken_wav: Path, record_property
) -> None:
    awake_mib = memory_mib(autoscaled)
    eventually(lambda: is_asleep(autoscaled), 60, lambda: stopped(autoscaled))
    asleep_mib = memory_mib(autoscaled)
    record_property("measured", f"{awake_mib:.0f} MiB awake, {asleep_mib:.0f} MiB asleep")
    assert asleep_mib < awake_mib / 2
    assert min(cold_starts_s(sleepy_door)) > 0
    job_id = sleepy_door.accepted(spoken_wav, diarize="true")
    transcript = sleepy_door.completed(job_id, 120)
    assert transcript["speakers"]
    assert sleepy_door.get(job_id)["warnings"] == []
    eventually(lambda: is_asleep(autoscaled), 60, lambda: stopped(autoscaled))


def test_an_autoscaler_that_was_killed_continues(
    autoscaled: DisposableStack, sleepy_door: FrontDoor, spoken_wav: Path, record_property
) -> None:
    eventually(lambda: is_asleep(autoscaled), 60, lambda: stopped(autoscaled))
    cold_start_s, _ = cold_starts_s(sleepy_door)
    autoscaled.kill("autoscaler")
    job_id = sleepy_door.accepted(spoken_wav, keyterms="second")
    # Known once it is decoded. The start of the model may be under way by then, but has only begun.
    eta_s = eventually(lambda: sleepy_door.get(job_id)["eta_s"], 30)
    record_property("measured", f"estimate {eta_s:.1f} s, cold start {cold_start_s:.1f} s")
    assert eta_s > cold_start_s / 2
    sleepy_door.completed(job_id, 120)
