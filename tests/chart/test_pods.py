"""What holds for every pod of the chart, including those of Jobs and the test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chart.rendering import EXAMPLES, VARIANTS, WORKLOADS, Object, containers, installation, one, pod_of, pods, render

INSTALLATIONS = [*EXAMPLES, *VARIANTS]
UNITS = {"m": 0.001, "": 1.0}


@pytest.mark.parametrize("name", INSTALLATIONS)
def test_every_pod_may_run_in_a_restricted_namespace(name: str) -> None:
    faults = [f"{pod}: {fault}" for pod, template in pods(installation(name)) for fault in insecurities(pod, template)]
    assert faults == []


def insecurities(name: str, pod: Object) -> Iterator[str]:
    spec = pod["spec"]
    wanted = {"runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001}
    wanted |= {"fsGroupChangePolicy": "OnRootMismatch", "seccompProfile": {"type": "RuntimeDefault"}}
    if spec["securityContext"] != wanted:
        yield f"securityContext is {spec['securityContext']}"
    if spec["automountServiceAccountToken"] is not ("-autoscaler" in name):
        yield "has a token of its service account, or lacks the one that it needs"
    if spec["enableServiceLinks"] is not False:
        yield "has a variable for every Service of the namespace"
    if any(key in spec for key in ("hostNetwork", "hostPID", "hostIPC")):
        yield "shares a namespace with its node"
    if any("hostPath" in volume for volume in spec.get("volumes", [])):
        yield "mounts a folder of its node"
    for container in containers(pod):
        context = container["securityContext"]
        if context != {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }:
            yield f"securityContext of {container['name']} is {context}"
        if any("hostPort" in port for port in container.get("ports", [])):
            yield f"{container['name']} takes a port of its node"


@pytest.mark.parametrize("name", INSTALLATIONS)
def test_every_pod_has_a_service_account_of_its_component(name: str) -> None:
    objects = installation(name)
    accounts = {item["metadata"]["name"]: item for item in objects if item["kind"] == "ServiceAccount"}
    users: dict[str, set[str]] = {}
    for _, pod in pods(objects):
        component = pod["metadata"]["labels"]["app.kubernetes.io/component"]
        users.setdefault(pod["spec"]["serviceAccountName"], set()).add(component)
    assert set(users) == set(accounts), "none is missing, none is unused"
    assert all(len(components) == 1 for components in users.values())
    assert all(account["automountServiceAccountToken"] is False for account in accounts.values())
    bindings = [item for item in objects if item["kind"] in {"RoleBinding", "ClusterRoleBinding"}]
    assert all(subject["name"].endswith("-autoscaler") for item in bindings for subject in item["subjects"])


def rules(objects: list[Object], kind: str) -> set[tuple[str, str]]:
    return {
        (f"{group}/{resource}".lstrip("/"), verb)
        for item in objects
        if item["kind"] == kind
        for rule in item["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_the_autoscaler_may_do_exactly_what_it_does() -> None:
    """Verbs that it has no request for must not be here, and no other component has any."""
    assert rules(render(), "Role") == rules(render(), "ClusterRole") == set()
    objects = render({"autoscaler": {"enabled": True}})
    assert rules(objects, "Role") == {
        *(("voicepipe.io/workerpools", verb) for verb in ("get", "list", "watch")),
        ("voicepipe.io/workerpools/status", "patch"),
        *(("apps/deployments", verb) for verb in ("get", "list", "watch")),
        ("apps/deployments/scale", "patch"),
        *(("pods", verb) for verb in ("get", "list", "watch", "patch")),
        ("autoscaling/horizontalpodautoscalers", "list"),
        ("events.k8s.io/events", "create"),
        *(("coordination.k8s.io/leases", verb) for verb in ("create", "get", "update")),
    }
    assert rules(objects, "ClusterRole") == set()
    assert rules(render({"autoscaler": {"enabled": True, "watchNodes": True}}), "ClusterRole") == {("nodes", "list")}


@pytest.mark.parametrize("name", INSTALLATIONS)
def test_every_container_requests_what_it_needs_and_is_not_throttled(name: str) -> None:
    for pod, template in pods(installation(name)):
        for container in containers(template):
            requests, limits = container["resources"]["requests"], container["resources"]["limits"]
            assert {"cpu", "memory", "ephemeral-storage"} <= set(requests), (pod, container["name"])
            assert "memory" in limits, (pod, container["name"])
            assert "cpu" not in limits, (pod, container["name"])


@pytest.mark.parametrize("name", INSTALLATIONS)
def test_scratch_space_has_a_limit_and_is_on_a_disk(name: str) -> None:
    for pod, template in pods(installation(name)):
        for volume in template["spec"].get("volumes", []):
            if "emptyDir" in volume:
                assert "sizeLimit" in volume["emptyDir"], (pod, volume["name"])
                assert ("medium" in volume["emptyDir"]) == (volume["name"] == "shared-memory"), (pod, volume["name"])


@pytest.mark.parametrize("name", INSTALLATIONS)
def test_every_mount_has_its_volume_and_every_volume_is_mounted(name: str) -> None:
    for pod, template in pods(installation(name)):
        mounted = {mount["name"] for container in containers(template) for mount in container["volumeMounts"]}
        volumes = [volume["name"] for volume in template["spec"].get("volumes", [])]
        claims = ["data"] if pod.startswith("StatefulSet") else []
        assert sorted(mounted) == sorted([*volumes, *claims]), pod


@pytest.mark.parametrize("name", INSTALLATIONS)
def test_no_secret_is_in_the_environment(name: str) -> None:
    """A token for the model hub is the exception: its client reads a variable."""
    for pod, template in pods(installation(name)):
        for container in containers(template):
            assert not any("secretRef" in source for source in container.get("envFrom", [])), pod
            secret = [item["name"] for item in container.get("env", []) if "secretKeyRef" in item.get("valueFrom", {})]
            assert secret in ([], ["VOICEPIPE_HUB_TOKEN"]), pod


@pytest.mark.parametrize("name", INSTALLATIONS)
def test_every_configmap_that_is_read_exists(name: str) -> None:
    objects = installation(name)
    existing = {item["metadata"]["name"] for item in objects if item["kind"] == "ConfigMap"}
    for pod, template in pods(objects):
        for container in containers(template):
            assert {source["configMapRef"]["name"] for source in container.get("envFrom", [])} <= existing, pod


def test_prometheus_finds_the_pods_of_every_component() -> None:
    """The labels and port names that the PodMonitor selects."""
    found = {}
    for _, pod in pods(render()):
        labels = pod["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == labels["app.kubernetes.io/part-of"] == "voicepipe"
        for container in containers(pod):
            ports = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
            found.setdefault(labels["app.kubernetes.io/component"], {}).update(ports)
    for component in ("upload", "status", "prepare", "transcribe", "assemble", "controller", "diarizer"):
        assert found[component]["http"] == 8000
    assert found["transcribe"]["triton-metrics"] == 8002


def test_annotations_and_labels_of_all_pods_reach_every_pod() -> None:
    for name, pod in pods(render("everything-set")):
        assert pod["metadata"]["annotations"]["example.org/cost-centre"] == "42", name
        assert pod["metadata"]["labels"]["cost-centre"] == "42", name


def test_stopping_is_over_before_the_kubelet_kills() -> None:
    objects = render()
    for component, drain in (("upload", 5), ("status", 5), ("prepare", 0), ("assemble", 0), ("diarizer", 0)):
        settings = one(objects, "ConfigMap", component)["data"]
        grace = one(objects, "Deployment", component)["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        assert int(settings.get("VOICEPIPE_DRAIN_S", 0)) == drain
        assert int(settings["VOICEPIPE_GRACE_S"]) + drain + 5 == grace


def test_the_laptop_fits_into_a_node_of_two_cores() -> None:
    assert requested_cores(render("laptop")) <= 1.2


def requested_cores(objects: list[Object]) -> float:
    """The requests of all pods together, including those of Jobs and the test."""
    total = 0.0
    for item in objects:
        if item["kind"] in WORKLOADS:
            total += item["spec"].get("replicas", 1) * cores_of(pod_of(item))
    return total


def cores_of(pod: Object) -> float:
    """Sidecars add to the containers. Other init containers run alone, so only the largest may count."""
    init = pod["spec"].get("initContainers", [])
    sidecars = [container for container in init if container.get("restartPolicy") == "Always"]
    together = sum(cores(container) for container in [*pod["spec"]["containers"], *sidecars])
    return max([together, *(cores(container) for container in init)])


def cores(container: Object) -> float:
    text = str(container["resources"]["requests"]["cpu"])
    number = text.rstrip("m")
    return float(number) * UNITS[text[len(number) :]]
