"""The programs that build the images, and the builder and the cluster that the tests of images use.

The builder is named by `IMAGE_BUILDER` and `IMAGE_STORE` (deploy/images/README.md), the cluster by `KUBECONFIG`, and the command that
loads an image into it by `IMAGE_LOADER` (`kind load docker-image`). Without them it is the one-node cluster beside this repository,
where that is.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
ONE_NODE = ROOT.parent / "shared" / "cluster" / "cluster"
TAG = os.environ.get("TAG", "dev")
NO_CLUSTER = "there is no cluster: set KUBECONFIG, and IMAGE_LOADER to the command that loads an image into it"


def load_program(path: Path) -> ModuleType:
    """The program at `path` as a module."""
    name = f"image_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BUILD = load_program(ROOT / "deploy/images/build.py")
INSTALL = load_program(ROOT / "deploy/images/install.py")


def tag_of(image: str) -> str:
    return f"voicepipe/{image}:{TAG}"


def builder_environment() -> dict[str, str]:
    """The variables with which build.py finds the builder."""
    if "IMAGE_BUILDER" in os.environ or not ONE_NODE.exists():
        return dict(os.environ)
    home = os.environ.get("CLUSTER_HOME", "/var/lib/one-node-cluster")
    store = f"buildah --root {home}/store --runroot {home}/run"
    return {**os.environ, "IMAGE_BUILDER": f"{ONE_NODE} build", "IMAGE_STORE": store}


@functools.cache
def build_images(*images: str) -> BUILD.Builder:
    """Build images of this checkout, once in a run of the tests; without names, all but those for GPUs.

    Raises:
        BUILD.CannotBuild: no builder works here.
    """
    environment = builder_environment() | {"TAG": TAG}
    builder = BUILD.Builder.of(environment)
    assert BUILD.main(list(images), environment) == 0
    return builder


def cluster_environment() -> dict[str, str] | None:
    """The variables with which kubectl reaches the cluster; None if there is none."""
    if "KUBECONFIG" in os.environ or not ONE_NODE.exists():
        return dict(os.environ) if "KUBECONFIG" in os.environ else None
    kubeconfig, path = (_output(str(ONE_NODE), word) for word in ("kubeconfig", "path"))
    return {**os.environ, "KUBECONFIG": kubeconfig, "PATH": f"{path}:{os.environ['PATH']}"}


def start_one_node() -> None:
    """Start the one-node cluster, if that is the one to use. It is left running: the next tests use it too."""
    if "KUBECONFIG" not in os.environ and ONE_NODE.exists():
        subprocess.run([ONE_NODE, "up"], check=True, stdout=subprocess.DEVNULL)
        # Its kubelet reports no local storage, so no pod that requests some would be scheduled.
        storage = '[{"op": "add", "path": "/status/capacity/ephemeral-storage", "value": "60Gi"}]'
        command = ["kubectl", "patch", "node", "node1", "--subresource=status", "--type=json", "-p", storage]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=cluster_environment())


@functools.cache
def load_image(image: str) -> None:
    """Load an image into the cluster, once in a run of the tests."""
    default = f"{ONE_NODE} load" if ONE_NODE.exists() else ""
    loader = shlex.split(os.environ.get("IMAGE_LOADER", default))
    subprocess.run([*loader, tag_of(image)], check=True, stdout=subprocess.DEVNULL)


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
