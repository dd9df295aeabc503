"""Renders the chart with helm, for the tests of this folder."""

from __future__ import annotations

import json
import lzma
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy" / "helm" / "voicepipe"
EXAMPLES = sorted(path.stem for path in (CHART / "examples").glob("*.yaml"))
SHARED = ROOT.parent / "shared" / "cluster"
NO_HELM = "helm is missing: install helm 3"
WORKLOADS = ("Deployment", "StatefulSet", "Job", "Pod")
# An option that changes nothing, so that helm renders once more instead of the cache being used.
AGAIN = "--skip-crds"

# No bundled servers.
OWN_SERVERS = {
    "database": {"existingSecret": "db"},
    "nats": {"existingSecret": "nats"},
    "objectStore": {"existingSecret": "s3", "endpoint": "https://s3.example.org"},
    "bundled": {name: {"enabled": False} for name in ("postgres", "nats", "objectStore")},
}
# Installations that the examples do not cover.
VARIANTS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "no gateway": {"gateway": {"type": "none"}},
    "a GRPCRoute": {
        "gateway": {
            "type": "httpRoute",
            "httpRoute": {
                "parentRefs": [{"name": "public"}],
                "hostnames": ["voicepipe.example.org"],
                "grpcHostnames": ["grpc.voicepipe.example.org"],
            },
        }
    },
    "Traefik": {"gateway": {"type": "ingress", "ingress": {"preset": "traefik", "host": "voicepipe.example.org"}}},
    "models from a claim": {"models": {"source": "claim", "claim": {"name": "weights"}}},
    "models from an image": {"models": {"source": "image"}, "images": {"models": {"repository": "weights"}}},
    "GPUs": {"pools": {"accurate": {"device": "gpu"}}, "diarizer": {"device": "gpu"}},
    "no diarizer": {"diarizer": {"enabled": False}},
    "Triton of one's own": {"pools": {"fast": {"tritonUrl": "dns:///triton:8001"}}},
    "own servers": {**OWN_SERVERS, "production": True},
}

Object = dict[str, Any]
Values = Mapping[str, Any]


class Refused(Exception):
    """helm refused the values; its message says why."""


@cache
def helm() -> str | None:
    """The path of helm: installed, or unpacked from ../shared/cluster."""
    if found := shutil.which("helm"):
        return found
    packed, unpacked = SHARED / "bin" / "helm.xz", ROOT / ".make" / "helm"
    if not packed.exists():
        return None
    if not unpacked.exists():
        unpacked.parent.mkdir(exist_ok=True)
        draft = unpacked.with_suffix(f".{os.getpid()}")
        draft.write_bytes(lzma.decompress(packed.read_bytes()))
        draft.chmod(0o755)
        draft.rename(unpacked)
    return str(unpacked)


def run_helm(*arguments: str) -> str:
    done = subprocess.run([helm() or "helm", *arguments], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise Refused(done.stderr)
    return done.stdout


def template(values: Values | str | None = None, *more: str) -> str:
    """What helm renders from the given values, or from the example of this name.

    Raises:
        Refused: helm refuses the values.
    """
    return _template(values if isinstance(values, str) else json.dumps(values or {}), more)


@cache
def _template(values: str, more: tuple[str, ...]) -> str:
    command = ["template", "release", str(CHART), "--kube-version", "1.34.0", "--namespace", "speech", *more]
    if values in EXAMPLES:
        return run_helm(*command, "--values", str(CHART / "examples" / f"{values}.yaml"))
    return run_helm(*command, *(word for key, value in json.loads(values).items() for word in _set(key, value)))


def _set(key: str, value: object) -> tuple[str, str]:
    return "--set-json", f"{key}={json.dumps(value)}"


def render(values: Values | str | None = None) -> list[Object]:
    """The objects, in helm's order. Tests share them, so they must not change them."""
    return objects_of(template(values))


@cache
def objects_of(rendered: str) -> list[Object]:
    # The loader written in C is five times as fast, and as safe.
    return [document for document in yaml.load_all(rendered, yaml.CSafeLoader) if document]


def installation(name: str) -> list[Object]:
    """The objects of an example or of a variant."""
    return render(name if name in EXAMPLES else VARIANTS[name])


def one(objects: list[Object], kind: str, name: str) -> Object:
    """The object whose name ends with `name`."""
    found = [item for item in objects if item["kind"] == kind and item["metadata"]["name"].endswith(name)]
    assert len(found) == 1, f"{len(found)} of kind {kind} are named ...{name}"
    return found[0]


def job(objects: list[Object], component: str) -> Object:
    """The Job of a component; its name ends with a hash."""
    (name,) = (name for name in names(objects, "Job") if name.startswith(f"{component}-"))
    return one(objects, "Job", name)


def names(objects: list[Object], kind: str) -> set[str]:
    return {item["metadata"]["name"].removeprefix("release-voicepipe-") for item in objects if item["kind"] == kind}


def pods(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """The name of every workload, and its pod: metadata and spec."""
    for item in objects:
        if item["kind"] in WORKLOADS:
            yield f"{item['kind']} {item['metadata']['name'].removeprefix('release-voicepipe-')}", pod_of(item)


def pod_of(workload: Object) -> Object:
    pod: Object = workload if workload["kind"] == "Pod" else workload["spec"]["template"]
    return pod


def containers(pod: Object) -> list[Object]:
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def environment(container: Object) -> dict[str, str | None]:
    return {variable["name"]: variable.get("value") for variable in container.get("env", [])}
