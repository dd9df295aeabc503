"""What the API server refuses of a WorkerPool, and how it says so. Nothing is stored: all requests are dry runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from cluster.kubernetes import Kubernetes
from cluster.scaling import install_definition

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]

SPEC: dict[str, Any] = {"target": {"name": "workers"}, "queue": {"stage": "diarize"}, "max": 3}
NIGHT = {"days": ["Mon"], "start": "20:00", "end": "06:00", "timeZone": "UTC"}


@pytest.fixture(scope="module")
def definition(cluster: Kubernetes) -> Kubernetes:
    install_definition(cluster)
    return cluster


def create(kubernetes: Kubernetes, spec: Mapping[str, Any]) -> None:
    item = {
        "apiVersion": "voicepipe.io/v1alpha1",
        "kind": "WorkerPool",
        "metadata": {"name": "tried", "namespace": "default"},
        "spec": spec,
    }
    command = ("kubectl", "create", "--dry-run=server", "--validate=strict", "-f", "-")
    kubernetes.run(*command, given=json.dumps(item))


def test_a_worker_pool_needs_only_its_target_its_queue_and_its_bound(definition: Kubernetes) -> None:
    create(definition, SPEC)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"target": {"name": ""}}, "spec.target.name"),
        ({"queue": {"stage": "translate"}}, 'supported values: "prepare", "transcribe", "diarize", "assemble"'),
        ({"queue": {"stage": "transcribe"}}, "transcribe needs a pool, and no other stage has one"),
        ({"queue": {"stage": "diarize", "pool": "fast"}}, "transcribe needs a pool, and no other stage has one"),
        ({"queue": {"stage": "transcribe", "pool": "Fast!"}}, "spec.queue.pool"),
        ({"max": 0}, "should be greater than or equal to 1"),
        ({"max": 1001}, "should be less than or equal to 1000"),
        ({"min": 4}, "min must not be more than max"),
        ({"replicas": 4}, "replicas must not be more than max"),
        ({"targets": []}, "should have at least 1 items"),
        ({"targets": [{"priority": "premium", "seconds": 0}]}, "should be greater than or equal to 1"),
        ({"targets": [{"priority": "urgent", "seconds": 9}]}, 'supported values: "premium", "standard"'),
        (
            {"targets": [{"priority": "premium", "seconds": 9}, {"priority": "premium", "seconds": 8}]},
            "Duplicate value",
        ),
        ({"cooldownSeconds": -1}, "should be greater than or equal to 0"),
        ({"headroom": 0.5}, "should be greater than or equal to 1"),
        ({"speed": 0}, "speed must be more than 0"),
        ({"fallback": "panic"}, "spec.fallback"),
        ({"wakeOn": "assemble"}, 'supported values: "prepare", "transcribe"'),
        ({"schedules": [NIGHT]}, "a schedule sets min, max or both"),
        ({"schedules": [NIGHT | {"min": 2, "max": 1}]}, "min of a schedule must not be more than its max"),
        ({"schedules": [NIGHT | {"min": 1, "start": "8 pm"}]}, "spec.schedules[0].start"),
        ({"minimum": 1}, 'unknown field "spec.minimum"'),
    ],
    ids=str,
)
def test_a_worker_pool_that_makes_no_sense_is_refused_with_the_reason(
    definition: Kubernetes, change: Mapping[str, Any], sentence: str
) -> None:
    with pytest.raises(AssertionError) as refused:
        create(definition, {**SPEC, **change})
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"target": {"name": "others"}}, "the target of a WorkerPool cannot be changed; create another WorkerPool"),
        ({"queue": {"stage": "prepare"}}, "the queue of a WorkerPool cannot be changed; create another WorkerPool"),
    ],
    ids=["target", "queue"],
)
def test_target_and_queue_of_a_worker_pool_cannot_be_changed(
    definition: Kubernetes, change: Mapping[str, Any], sentence: str
) -> None:
    metadata = {"name": "definition-test", "namespace": "default"}
    item = {"apiVersion": "voicepipe.io/v1alpha1", "kind": "WorkerPool", "metadata": metadata, "spec": SPEC}
    definition.run("kubectl", "apply", "-f", "-", given=json.dumps(item))
    try:
        patch = ("kubectl", "-n", "default", "patch", "workerpool", "definition-test", "--type=merge", "-p")
        with pytest.raises(AssertionError) as refused:
            definition.run(*patch, json.dumps({"spec": change}))
        assert sentence in str(refused.value)
    finally:
        definition.run("kubectl", "-n", "default", "delete", "workerpool", "definition-test")
