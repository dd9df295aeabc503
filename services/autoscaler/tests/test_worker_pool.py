"""What a WorkerPool says, with its annotations."""

import datetime as dt
import json

import pytest
from voicepipe_autoscaler.memory import Memory
from voicepipe_autoscaler.operator.worker_pool import (
    PAUSED,
    PAUSED_REPLICAS,
    PAUSED_SCALE_IN,
    PAUSED_SCALE_OUT,
    Unusable,
)
from voicepipe_autoscaler.pool import Fallback, PoolSpec, Schedule, WakeOn
from voicepipe_wire.messaging.subjects import Queue
from worker_pools import worker_pool


def test_a_worker_pool_names_its_deployment_and_its_queue():
    pool = worker_pool()
    assert (pool.deployment, pool.queue, pool.generation) == (
        "voicepipe-transcribe-fast",
        Queue("transcribe", "fast"),
        3,
    )
    assert worker_pool(queue={"stage": "diarize"}).queue == Queue("diarize")


def test_every_setting_arrives():
    assert worker_pool(
        min=1,
        max=7,
        targets=[{"priority": "standard", "seconds": 30}],
        slots=2,
        speed=1.5,
        coldStartSeconds=240,
        headroom=2,
        upStabilisationSeconds=1,
        downStabilisationSeconds=2,
        cooldownSeconds=3,
        wakeOn="transcribe",
        fallback="4",
        nodeAutoscaling=True,
        drainBusy=True,
        replicas=5,
        schedules=[{"days": ["Mon", "Sun"], "start": "08:00", "end": "18:30", "timeZone": "Europe/Paris", "max": 9}],
    ).spec == PoolSpec(
        targets_s={"standard": 30.0},
        max_replicas=7,
        min_replicas=1,
        slots=2,
        speed=1.5,
        cold_start_s=240.0,
        headroom=2.0,
        up_stabilisation_s=1.0,
        down_stabilisation_s=2.0,
        cooldown_s=3.0,
        wake_on=WakeOn.TRANSCRIBE,
        fallback=4,
        node_autoscaling=True,
        drain_busy=True,
        schedules=(Schedule(frozenset({0, 6}), dt.time(8), dt.time(18, 30), "Europe/Paris", max_replicas=9),),
        pin=5,
    )


@pytest.mark.parametrize(("text", "meaning"), [("hold", Fallback.HOLD), ("min", Fallback.MIN), ("0", 0)])
def test_the_fallback_is_a_word_or_a_number(text, meaning):
    assert worker_pool(fallback=text).spec.fallback == meaning


def test_annotations_pause_all_or_one_direction_or_pin():
    def spec(**annotations: str) -> PoolSpec:
        return worker_pool(annotations=annotations).spec

    assert spec(**{PAUSED: "true"}).paused
    assert spec(**{PAUSED: ""}).paused
    assert not spec(**{PAUSED: "false"}).paused
    assert spec(**{PAUSED_SCALE_IN: "true"}).paused_scale_in
    assert spec(**{PAUSED_SCALE_OUT: "true"}).paused_scale_out
    assert spec(**{PAUSED_REPLICAS: "3"}).pin == 3


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"annotations": {PAUSED_REPLICAS: "many"}}, PAUSED_REPLICAS),
        ({"annotations": {PAUSED: "yes"}}, PAUSED),
        (
            {"schedules": [{"days": ["Mon"], "start": "08:00", "end": "18:00", "timeZone": "Mars/Base", "min": 1}]},
            "Mars/Base",
        ),
    ],
)
def test_what_makes_no_sense_is_named(fields, named):
    with pytest.raises(Unusable, match=named):
        worker_pool(**fields)


def test_the_memory_survives_a_restart():
    remembered = Memory(speed=3.5, cold_starts_s=(12.0,), recommendations=((1.0, 2),))
    assert worker_pool(status={"memory": json.loads(json.dumps(remembered.to_json()))}).memory == remembered
