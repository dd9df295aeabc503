"""What a WorkerPool says: its target, its queue and its spec, with what annotations change. Pure.

The API server checks a WorkerPool against the schema of its definition, so what arrives here has the right form. Defaults are
those of the schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import time
from typing import Any

from voicepipe_wire.messaging.subjects import Queue

from voicepipe_autoscaler.memory import Memory
from voicepipe_autoscaler.pool import Fallback, PoolSpec, Schedule, WakeOn

GROUP, VERSION, PLURAL, KIND = "voicepipe.io", "v1alpha1", "workerpools", "WorkerPool"

PAUSED = f"{GROUP}/paused"
PAUSED_REPLICAS = f"{GROUP}/paused-replicas"
PAUSED_SCALE_IN = f"{GROUP}/paused-scale-in"
PAUSED_SCALE_OUT = f"{GROUP}/paused-scale-out"

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Unusable(Exception):
    """A WorkerPool that the schema accepts and that makes no sense; the message says why."""


@dataclass(frozen=True, slots=True)
class WorkerPool:
    """One WorkerPool as it was last seen."""

    name: str
    uid: str
    generation: int
    deployment: str
    queue: Queue
    spec: PoolSpec
    status: Mapping[str, Any]

    @property
    def memory(self) -> Memory:
        return Memory.from_json(self.status.get("memory"))


def read(body: Mapping[str, Any]) -> WorkerPool:
    """The WorkerPool in the form of the API.

    Raises:
        Unusable: its annotations or its schedules make no sense.
    """
    metadata, spec = body["metadata"], body["spec"]
    annotations = metadata.get("annotations") or {}
    return WorkerPool(
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata["generation"],
        deployment=spec["target"]["name"],
        queue=Queue(spec["queue"]["stage"], spec["queue"].get("pool") or None),
        spec=_with_annotations(_spec(spec), annotations),
        status=body.get("status") or {},
    )


def _spec(spec: Mapping[str, Any]) -> PoolSpec:
    return PoolSpec(
        targets_s={one["priority"]: float(one["seconds"]) for one in spec["targets"]},
        max_replicas=spec["max"],
        min_replicas=spec["min"],
        slots=spec["slots"],
        speed=float(spec["speed"]),
        cold_start_s=float(spec["coldStartSeconds"]),
        headroom=float(spec["headroom"]),
        up_stabilisation_s=float(spec["upStabilisationSeconds"]),
        down_stabilisation_s=float(spec["downStabilisationSeconds"]),
        cooldown_s=float(spec["cooldownSeconds"]),
        wake_on=WakeOn(spec["wakeOn"]),
        fallback=_fallback(spec["fallback"]),
        node_autoscaling=spec["nodeAutoscaling"],
        drain_busy=spec["drainBusy"],
        schedules=tuple(_schedule(one) for one in spec.get("schedules") or ()),
        pin=spec.get("replicas"),
    )


def _fallback(text: str) -> Fallback | int:
    return int(text) if text.isdecimal() else Fallback(text)


def _schedule(schedule: Mapping[str, Any]) -> Schedule:
    made = Schedule(
        days=frozenset(DAYS.index(day) for day in schedule["days"]),
        start=time.fromisoformat(schedule["start"]),
        end=time.fromisoformat(schedule["end"]),
        time_zone=schedule["timeZone"],
        min_replicas=schedule.get("min"),
        max_replicas=schedule.get("max"),
    )
    try:
        made.covers(0.0)
    except (KeyError, ValueError) as error:
        raise Unusable(f"there is no time zone {schedule['timeZone']!r}") from error
    return made


def _with_annotations(spec: PoolSpec, annotations: Mapping[str, str]) -> PoolSpec:
    """KEDA's four: all, to a number, in, out. An annotation without a value counts as true."""
    pin = spec.pin
    if PAUSED_REPLICAS in annotations:
        number = annotations[PAUSED_REPLICAS]
        if not number.isdecimal():
            raise Unusable(f"the annotation {PAUSED_REPLICAS} is {number!r}: it must be a whole number")
        pin = int(number)
    return replace(
        spec,
        pin=pin,
        paused=_flag(annotations, PAUSED),
        paused_scale_in=_flag(annotations, PAUSED_SCALE_IN),
        paused_scale_out=_flag(annotations, PAUSED_SCALE_OUT),
    )


def _flag(annotations: Mapping[str, str], name: str) -> bool:
    value = annotations.get(name)
    if value not in {None, "", "true", "false"}:
        raise Unusable(f"the annotation {name} is {value!r}: it must be true or false")
    return value in {"", "true"}
