"""A real API server accepts every object, without a warning, in a namespace that enforces the level `restricted`."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from chart.rendering import EXAMPLES, SHARED, VARIANTS, objects_of, template

pytestmark = pytest.mark.cluster

NAMESPACE = "voicepipe-dry-run"
LEVELS = [f"pod-security.kubernetes.io/{mode}=restricted" for mode in ("enforce", "warn", "audit")]
PRIORITIES = ("batch", "serving")
NO_CLUSTER = "no cluster: set KUBECONFIG and install kubectl, or run `../shared/cluster/cluster up`"


@pytest.fixture(scope="module")
def kubectl() -> Iterator[Kubectl]:
    found = Kubectl.find()
    if found is None:
        pytest.skip(NO_CLUSTER)
    for crd in sorted((SHARED / "schemas").glob("*-*.yaml")):
        found("apply", "--server-side", "--filename", str(crd))
    for name in PRIORITIES:
        found("apply", "--filename", "-", objects=priority(name))
    found("create", "namespace", NAMESPACE)
    found("label", "namespace", NAMESPACE, *LEVELS)
    yield found
    found("delete", "namespace", NAMESPACE)
    found("delete", "priorityclass", *PRIORITIES)


def accounts(objects: str) -> str:
    """The service accounts. A pod is refused without its own, and a dry run makes none."""
    return yaml.safe_dump_all(item for item in objects_of(objects) if item["kind"] == "ServiceAccount")


def priority(name: str) -> str:
    """A priority class that the examples name."""
    return yaml.safe_dump(
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": name},
            "value": 1,
        }
    )


class Kubectl:
    def __init__(self, program: str, config: str) -> None:
        self._program = program
        self._environment = os.environ | {"KUBECONFIG": config}

    @classmethod
    def find(cls) -> Kubectl | None:
        """kubectl with the cluster of KUBECONFIG, else with that of ../shared/cluster if it is up."""
        if (config := os.environ.get("KUBECONFIG")) and (program := shutil.which("kubectl")):
            return cls(program, config)
        if not (tool := SHARED / "cluster").exists():
            return None
        asked = [
            subprocess.run([tool, word], check=True, capture_output=True, text=True) for word in ("path", "kubeconfig")
        ]
        folder, config = (done.stdout.strip() for done in asked)
        found = cls(str(Path(folder) / "kubectl"), config)
        try:
            found("get", "--raw", "/readyz")
        except (OSError, subprocess.CalledProcessError):
            return None
        return found

    def __call__(self, *arguments: str, objects: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._program, *arguments],
            check=True,
            env=self._environment,
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
        pytest.fail(refused.stderr)
    assert done.stderr == ""
    assert done.stdout.count("(server dry run)") == objects.count("\nkind: ")
