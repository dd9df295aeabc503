"""What skaffold would do, done by hand: an image built by the custom builder, and a changed file in a pod of the profile `dev`."""

from __future__ import annotations

import copy
import io
import json
import os
import subprocess
import sys
import tarfile
import time

import pytest
from chart import rendering
from cluster.image_pods import Pods
from cluster.images import (
    BUILD,
    NO_CLUSTER,
    build_images,
    builder_environment,
    cluster_environment,
    load_image,
    start_one_node,
    tag_of,
)
from contract import skaffold_config
from contract.skaffold_config import ROOT, activated, artifacts, rendered
from support.eventually import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

UPLOAD = {
    ("Secret", "voicepipe-bundled"),
    ("ConfigMap", "voicepipe-dev"),
    ("ConfigMap", "voicepipe-upload"),
    ("ServiceAccount", "voicepipe-upload"),
    ("Deployment", "voicepipe-upload"),
}
CHANGED = ROOT / "services/upload/src/voicepipe_upload/__init__.py"


@pytest.fixture(scope="module")
def builder():
    try:
        return BUILD.Builder.of(builder_environment())
    except BUILD.CannotBuild as error:
        pytest.skip(str(error))


@pytest.fixture
def pods(builder):
    """A namespace that allows only restricted pods, in a cluster that has the image of upload."""
    if rendering.helm() is None:
        pytest.skip(rendering.NO_HELM)
    environment = cluster_environment()
    if environment is None:
        pytest.skip(NO_CLUSTER)
    build_images("upload")
    start_one_node()
    load_image("upload")
    with Pods("voicepipe-skaffold", environment) as started:
        yield started


def test_the_custom_builder_leaves_an_image_with_the_tag(builder, record_property):
    """The smallest image."""
    tag = "voicepipe/skaffold-test:v1"
    environment = os.environ | {
        "IMAGE_BUILDER": " ".join(builder.build),
        "IMAGE_STORE": " ".join(builder.store),
        "IMAGE": tag,
        "PUSH_IMAGE": "false",
        "BUILD_CONTEXT": str(ROOT),
        "PLATFORMS": f"linux/{'arm64' if os.uname().machine == 'aarch64' else 'amd64'}",
    }
    command = skaffold_config.build_command(artifacts(activated(("buildah",)))["voicepipe/nats"])
    subprocess.run(command, env=environment, check=True, cwd=ROOT, stdout=sys.stderr)
    try:
        record_property("measured", f"an image of {builder.size_mb(tag):.0f} MB")
    finally:
        subprocess.run([*builder.store, "rmi", tag], check=True, stdout=sys.stderr)


def test_a_changed_file_reaches_the_process_of_a_read_only_pod(pods, record_property):
    """No server is there: the process waits for them."""
    for item in copy.deepcopy(rendered(("dev",))):
        if (item["kind"], item["metadata"]["name"]) in UPLOAD:
            if item["kind"] == "Deployment":
                item["spec"]["template"]["spec"]["containers"][0]["image"] = tag_of("upload")
            item["metadata"].pop("namespace", None)
            pods.apply(item)
    name = eventually(lambda: running_pod(pods), 60, lambda: pods.kubectl("get", "pods", "-o", "yaml"), 0.2)

    began = time.monotonic()
    copy_as_skaffold_does(pods, name, CHANGED.read_text() + '\nprint("the changed code runs", flush=True)\n')
    eventually(lambda: "the changed code runs" in pods.logs(name), 60, lambda: pods.logs(name), 0.1)
    record_property("measured", f"a changed file runs in a pod after {time.monotonic() - began:.1f} s")

    (container,) = pods.status(name)["containerStatuses"]
    assert container["restartCount"] == 0
    assert "running" in container["state"]


def running_pod(pods):
    """The name of the pod, once its container answers the startup probe."""
    items = json.loads(pods.kubectl("get", "pods", "-o", "json"))["items"]
    started = [item for item in items if any(c.get("started") for c in item["status"].get("containerStatuses", ()))]
    return started[0]["metadata"]["name"] if started else None


def copy_as_skaffold_does(pods, pod, text):
    rules = artifacts(activated(("dev",)))["voicepipe/upload"]["sync"]["manual"]
    path = str(CHANGED.relative_to(ROOT))
    (rule,) = [rule for rule in rules if path.startswith(rule["strip"])]
    entry = tarfile.TarInfo(f"{rule['dest']}{path.removeprefix(rule['strip'])}".lstrip("/"))
    entry.size = len(text.encode())
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(entry, io.BytesIO(text.encode()))
    command = ["tar", "xmf", "-", "-C", "/", "--no-same-owner"]
    pods.exec(pod, *command, given=packed.getvalue(), container="upload")
