"""The cluster, the images of this checkout, and one installation that most tests share."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator

import pytest
import soundfile
from accuracy.corpus import phone_call
from cluster import kubernetes
from cluster.images import BUILD, builder_environment, load_image, start_one_node
from cluster.kubernetes import Installation, Kubernetes
from support.front_door import FrontDoor
from voicepipe_local.testing import real_models

NO_CLUSTER = "there is no cluster: set KUBECONFIG, and IMAGE_LOADER to the command that loads an image into it"


@pytest.fixture(scope="session")
def cluster_with_images() -> Kubernetes:
    """The cluster with every image of this checkout, and with an image of the default models.

    `CLUSTER_IMAGES=loaded` says that it has them already.
    """
    found = kubernetes.find()
    if found is None:
        pytest.skip(NO_CLUSTER)
    try:
        builder = BUILD.Builder.of(builder_environment())
    except BUILD.CannotBuild as error:
        pytest.skip(str(error))
    start_one_node()
    if "CLUSTER_IMAGES" in os.environ:
        return found
    assert BUILD.main([], builder_environment() | {"TAG": kubernetes.TAG}) == 0
    real_models()
    kubernetes.build_models_image(builder, kubernetes.models_folder())
    for image in (*BUILD.BY_DEFAULT, "models"):
        load_image(image)
    return found


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
def clip() -> bytes:
    """Five seconds of a phone call, as WAV."""
    samples, rate = soundfile.read(phone_call().path, dtype="int16")
    file = io.BytesIO()
    soundfile.write(file, samples[7 * rate : 12 * rate], rate, format="WAV", subtype="PCM_16")
    return file.getvalue()
