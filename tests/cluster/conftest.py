"""The cluster, the images of this checkout, and one installation that most tests share."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import soundfile
from accuracy.corpus import phone_call
from cluster import kubernetes
from cluster.image_pods import Pods
from cluster.images import BUILD, NO_CLUSTER, build_images, builder_environment, load_image, start_one_node
from cluster.kubernetes import Installation, Kubernetes
from cluster.operator_process import NAMESPACE, Backlog, Idlers, Operators
from cluster.scaling import install_definition
from support.front_door import FrontDoor
from voicepipe_local.testing import real_models

_POD_NUMBERS = count()


@pytest.fixture(scope="session")
def cluster() -> Kubernetes:
    """The cluster, started if it is the one-node cluster."""
    found = kubernetes.find()
    if found is None:
        pytest.skip(NO_CLUSTER)
    start_one_node()
    return found


@pytest.fixture(scope="session")
def built_images() -> BUILD.Builder:
    """The builder, after it has built every image of this checkout.

    `CLUSTER_IMAGES=loaded` says that they were built before, and that the cluster has them.
    """
    try:
        return BUILD.Builder.of(builder_environment()) if "CLUSTER_IMAGES" in os.environ else build_images()
    except BUILD.CannotBuild as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def cluster_with_images(cluster: Kubernetes, built_images: BUILD.Builder) -> Kubernetes:
    """The cluster with every image of this checkout, and with an image of the default models."""
    if "CLUSTER_IMAGES" not in os.environ:
        real_models()
        kubernetes.build_models_image(built_images, kubernetes.models_folder())
        for image in (*BUILD.BY_DEFAULT, "models"):
            load_image(image)
    return cluster


@pytest.fixture(scope="session")
def image_pods(cluster: Kubernetes, built_images: BUILD.Builder) -> Iterator[Pods]:
    """A namespace in which every image can be started."""
    with Pods("voicepipe-images", cluster.environment) as started:
        yield started


@pytest.fixture
def pod_name() -> str:
    return f"pod-{next(_POD_NUMBERS)}"


@pytest.fixture(scope="module")
def installation(cluster_with_images: Kubernetes, request: pytest.FixtureRequest) -> Iterator[Installation]:
    """A namespace for one release of the chart; a module installs it as it likes."""
    name = request.module.__name__.rpartition(".")[2].removeprefix("test_").replace("_", "-")
    made = Installation(cluster_with_images, f"voicepipe-{name}")
    made.delete_namespace()
    made.create_namespace()
    yield made
    made.close()
    made.uninstall()
    made.delete_namespace()


@pytest.fixture(scope="module")
def running(installation: Installation) -> Installation:
    """The laptop example, installed and ready."""
    installation.deploy()
    installation.wait_until_ready()
    return installation


@pytest.fixture(scope="module")
def door(running: Installation) -> FrontDoor:
    return running.door()


@pytest.fixture(scope="session")
def namespace_of_idlers(cluster: Kubernetes) -> Iterator[None]:
    install_definition(cluster)
    cluster.run("kubectl", "delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=120s")
    cluster.run("kubectl", "create", "namespace", NAMESPACE)
    yield
    cluster.run("kubectl", "delete", "namespace", NAMESPACE, "--timeout=120s")


@pytest.fixture
def idlers(cluster: Kubernetes, namespace_of_idlers: None) -> Iterator[Idlers]:
    made = Idlers(cluster)
    yield made
    made.delete()


@pytest.fixture
def operators(cluster: Kubernetes, idlers: Idlers, nats_url: str, tmp_path: Path) -> Iterator[Operators]:
    """They stop before what they scale is deleted."""
    made = Operators(cluster, nats_url, tmp_path)
    yield made
    made.stop()


@pytest.fixture
def backlog(nats_url: str) -> Iterator[Backlog]:
    made = Backlog(nats_url)
    thread = threading.Thread(target=made.run)
    thread.start()
    yield made
    made.running = False
    thread.join()


@pytest.fixture(scope="session")
def clip() -> bytes:
    """Five seconds of a phone call, as WAV."""
    samples, rate = soundfile.read(phone_call().path, dtype="int16")
    file = io.BytesIO()
    soundfile.write(file, samples[7 * rate : 12 * rate], rate, format="WAV", subtype="PCM_16")
    return file.getvalue()
