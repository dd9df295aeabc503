"""Which pods a change replaces, and how."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from chart.rendering import (
    AGAIN,
    CHART,
    EXAMPLES,
    Object,
    containers,
    environment,
    job,
    names,
    objects_of,
    one,
    pods,
    render,
    run_helm,
    template,
)

# One setting of each component that has settings of its own.
CHANGES: dict[str, dict[str, Any]] = {
    "Deployment upload": {"upload": {"maxConcurrentUploads": 5}},
    "Deployment status": {"status": {"maxEventStreams": 5}},
    "Deployment prepare": {"prepare": {"concurrency": 1}},
    "Deployment transcribe-accurate": {"pools": {"accurate": {"modelRequests": 7}}},
    "Deployment transcribe-fast": {"pools": {"fast": {"threads": 2}}},
    "Deployment assemble": {"assemble": {"concurrency": 1}},
    "Deployment controller": {"controller": {"terminationGracePeriodSeconds": 40}},
    "Deployment diarizer": {"diarizer": {"maxDiarizedSeconds": 60}},
    "Deployment gateway": {"gateway": {"terminationGracePeriodSeconds": 40}},
    "StatefulSet postgres": {"bundled": {"postgres": {"resources": {"limits": {"memory": "2Gi"}}}}},
    "StatefulSet nats": {"bundled": {"nats": {"resources": {"limits": {"memory": "2Gi"}}}}},
    "StatefulSet object-store": {"bundled": {"objectStore": {"resources": {"limits": {"memory": "2Gi"}}}}},
}


def hashes(objects: list[Object]) -> dict[str, str]:
    return {name: hashlib.sha256(json.dumps(pod).encode()).hexdigest() for name, pod in pods(objects)}


@pytest.mark.parametrize("workload", CHANGES)
def test_a_change_of_a_component_replaces_its_pods_and_no_others(workload: str) -> None:
    before, after = hashes(render()), hashes(render(CHANGES[workload]))
    assert set(before) == set(after)
    assert {name for name in before if before[name] != after[name]} == {workload}


def test_new_passwords_replace_no_pod() -> None:
    """Each rendering without a cluster generates new ones."""
    first, second = render(), objects_of(template({}, AGAIN))
    assert one(first, "Secret", "bundled")["data"] != one(second, "Secret", "bundled")["data"]
    assert hashes(first) == hashes(second)


def test_a_new_version_of_the_chart_alone_replaces_no_pod(tmp_path: Path) -> None:
    """The images are the same; only labels of the objects change."""
    copy = shutil.copytree(CHART, tmp_path / "voicepipe")
    about = copy / "Chart.yaml"
    about.write_text(about.read_text().replace("\nversion: ", "\nversion: 9"))
    newer = run_helm("template", "release", str(copy), "--kube-version", "1.34.0", "--namespace", "speech")
    assert "voicepipe-9" in newer
    assert hashes(render()) == hashes(objects_of(newer))


@pytest.mark.parametrize(
    ("component", "change"),
    [
        ("migrations", {"images": {"migrations": {"tag": "9.9"}}}),
        ("models", {"pools": {"fast": {"model": "whisper-base.en"}}}),
        ("models", {"models": {"download": {"resources": {"limits": {"memory": "4Gi"}}}}}),
    ],
)
def test_a_job_has_another_name_only_if_its_pod_has_changed(component: str, change: dict[str, Any]) -> None:
    def name(values: dict[str, Any]) -> str:
        return str(job(render(values), component)["metadata"]["name"])

    assert name({"upload": {"replicas": 7}, "pools": {"fast": {"replicas": 3}}}) == name({})
    assert name(change) != name({})


def test_migrations_are_no_hook() -> None:
    """A hook would wait for pods that wait for it, under `helm install --wait`."""
    migrations = job(render(), "migrations")
    assert "annotations" not in migrations["metadata"]
    assert "activeDeadlineSeconds" not in migrations["spec"]


@pytest.mark.parametrize("name", ["defaults", *EXAMPLES])
def test_workers_have_no_replicas_while_an_autoscaler_sets_them(name: str) -> None:
    values: Any = {} if name == "defaults" else yaml.safe_load((CHART / "examples" / f"{name}.yaml").read_text())
    objects = render({**values, "autoscaler": {"enabled": False, "external": True}})
    assert not [item for item in objects if item["kind"] == "WorkerPool"]
    assert_scaled(objects)
    objects = render({**values, "autoscaler": {"enabled": True}})
    assert_scaled(objects)
    targets = {item["spec"]["target"]["name"] for item in objects if item["kind"] == "WorkerPool"}
    workers = {"prepare", "transcribe", "diarizer"}
    assert targets == {
        item["metadata"]["name"] for item in objects if item["kind"] == "Deployment" and component(item) in workers
    }


def assert_scaled(objects: list[Object]) -> None:
    """The workers and what an HPA scales have no replicas, everything else has some."""
    deployments = [item for item in objects if item["kind"] == "Deployment"]
    by_hpa = {component(item) for item in objects if item["kind"] == "HorizontalPodAutoscaler"}
    scaled = {component(item) for item in deployments if "replicas" not in item["spec"]}
    fixed = {component(item) for item in deployments if "replicas" in item["spec"]}
    assert scaled == {"prepare", "transcribe", "diarizer"} | by_hpa
    assert not scaled & fixed


def component(item: Object) -> str:
    return str(item["metadata"]["labels"]["app.kubernetes.io/component"])


def test_services_that_scale_by_cpu_have_no_replicas() -> None:
    objects = render({"upload": {"autoscaling": {"enabled": True}}})
    assert "replicas" not in one(objects, "Deployment", "upload")["spec"]
    assert one(objects, "Deployment", "status")["spec"]["replicas"] == 2
    assert one(objects, "HorizontalPodAutoscaler", "upload")["spec"]["scaleTargetRef"]["name"].endswith("upload")


def test_a_gpu_pod_stops_before_its_successor_starts() -> None:
    objects = render({"pools": {"accurate": {"device": "gpu"}}, "diarizer": {"device": "gpu"}})
    for name in ("transcribe-accurate", "diarizer"):
        strategy = one(objects, "Deployment", name)["spec"]["strategy"]
        assert strategy == {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}


def test_an_upload_pod_stops_only_when_its_successor_is_ready() -> None:
    deployment = one(render(), "Deployment", "upload")["spec"]
    assert deployment["strategy"] == {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    assert deployment["template"]["spec"]["terminationGracePeriodSeconds"] == 615


def test_only_what_has_several_pods_has_a_disruption_budget() -> None:
    several = {"upload", "status", "gateway"}
    assert names(render(), "PodDisruptionBudget") == several
    assert names(render("laptop"), "PodDisruptionBudget") == set()
    workers = {"prepare", "diarizer", "transcribe-accurate", "transcribe-fast"}
    assert names(render({"autoscaler": {"external": True}}), "PodDisruptionBudget") == several | workers
    assert names(render({"autoscaler": {"enabled": True}}), "PodDisruptionBudget") == {*several, *workers, "autoscaler"}
    for item in render():
        if item["kind"] == "PodDisruptionBudget":
            assert item["spec"]["maxUnavailable"] == 1
            assert item["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_a_variable_that_is_set_twice_is_rendered_once_and_the_last_one_counts() -> None:
    values = {
        "podDefaults": {
            "extraEnv": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}, {"name": "B", "value": "3"}]
        },
        "upload": {"pod": {"extraEnv": [{"name": "A", "value": "4"}]}},
        "telemetry": {"otlpEndpoint": "http://collector:4318"},
        "status": {"pod": {"extraEnv": [{"name": "OTEL_RESOURCE_ATTRIBUTES", "value": "own"}]}},
    }
    objects = render(values)
    for _, pod in pods(objects):
        for container in containers(pod):
            variables = [variable["name"] for variable in container.get("env", [])]
            assert len(variables) == len(set(variables))
    upload, status, assemble = (
        environment(one(objects, "Deployment", name)["spec"]["template"]["spec"]["containers"][0])
        for name in ("upload", "status", "assemble")
    )
    assert (upload["A"], upload["B"], assemble["A"]) == ("4", "3", "2")
    assert status["OTEL_RESOURCE_ATTRIBUTES"] == "own"
    assert "k8s.pod.name=$(K8S_POD_NAME)" in (upload["OTEL_RESOURCE_ATTRIBUTES"] or "")
