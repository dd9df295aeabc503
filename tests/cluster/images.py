"""The builder of the images, for the tests that look into them.

`IMAGE_BUILDER` and `IMAGE_STORE` name it (deploy/images/README.md); without them it is the one-node cluster beside this repository,
where that is, or the docker, podman or buildah of this machine.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
ONE_NODE = ROOT.parent / "shared" / "cluster" / "cluster"


def load(path: Path) -> ModuleType:
    """The program at `path` as a module."""
    name = f"image_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BUILD = load(ROOT / "deploy/images/build.py")
INSTALL = load(ROOT / "deploy/images/install.py")


def builder_environment() -> dict[str, str]:
    if "IMAGE_BUILDER" in os.environ or not ONE_NODE.exists():
        return dict(os.environ)
    home = os.environ.get("CLUSTER_HOME", "/var/lib/one-node-cluster")
    store = f"buildah --root {home}/store --runroot {home}/run"
    return {**os.environ, "IMAGE_BUILDER": f"{ONE_NODE} build", "IMAGE_STORE": store}
