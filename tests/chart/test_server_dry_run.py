"""A real API server accepts every object, without a warning, in a namespace that enforces the level `restricted`."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import yaml
from cluster.images import cluster_environment, start_one_node

from chart.rendering import CHART, EXAMPLES, SHARED, VARIANTS, objects_of, run_helm, template

pytestmark = pytest.mark.cluster

NAMESPACE = "voicepipe-dry-run"
RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}
# The namespace, and the priority classes that the examples name.
NEEDED = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": RESTRICTED}},
    *(
        {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, "value": 1}
        for name in ("batch", "serving")
    ),
]
DEFINITIONS = CHART.parent / "voicepipe-crds"
NO_CLUSTER = "there is no cluster: set KUBECONFIG"
# Kinds that a cluster may lack, because they come with CRDs.
CUSTOM = {"GRPCRoute", "HTTPRoute", "PodMonitor", "PrometheusRule"}


@pytest.fixture(scope="module")
def kubectl() -> Iterator[Kubectl]:
    environment = cluster_environment()
    if environment is None:
        pytest.skip(NO_CLUSTER)
    start_one_node()
    found = Kubectl(environment)
    for crd in sorted((SHARED / "schemas").glob("*-*.yaml")):
        found("apply", "--server-side", "--filename", str(crd))
    definition = run_helm("template", "definitions", str(DEFINITIONS), "--kube-version", "1.34.0")
    found("apply", "--server-side", "--filename", "-", objects=definition)
    needed = yaml.safe_dump_all(NEEDED)
    found("apply", "--filename", "-", objects=needed)
    yield found
    found("delete", "--filename", "-", objects=needed)


def accounts(objects: str) -> str:
    """The service accounts. A pod is refused without its own, and a dry run creates none."""
    return yaml.safe_dump_all(item for item in objects_of(objects) if item["kind"] == "ServiceAccount")


@dataclass(frozen=True, slots=True)
class Kubectl:
    environment: dict[str, str]

    def __call__(self, *arguments: str, objects: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["kubectl", *arguments],
            check=True,
            env=self.environment,
            input=objects,
            capture_output=True,
            text=True,
            timeout=120,
        )


@pytest.mark.parametrize("name", [*EXAMPLES, *VARIANTS])
def test_the_api_server_accepts_every_object_without_a_warning(kubectl: Kubectl, name: str) -> None:
    objects = template(name if name in EXAMPLES else VARIANTS[name])
    kubectl("apply", "--namespace", NAMESPACE, "--filename", "-", objects=accounts(objects))
    command = ("apply", "--namespace", NAMESPACE, "--dry-run=server", "--validate=strict", "--filename", "-")
    try:
        done = kubectl(*command, objects=objects)
    except subprocess.CalledProcessError as refused:
        missing = set(re.findall(r'no matches for kind "(\w+)"', refused.stderr))
        if missing and missing <= CUSTOM:
            pytest.skip(f"the cluster lacks the CRDs of {', '.join(sorted(missing))}")
        pytest.fail(refused.stderr)
    assert done.stderr == ""
    assert done.stdout.count("(server dry run)") == objects.count("\nkind: ")
