"""Fixtures of the tests that look into the images."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from cluster.image_pods import Pods
from cluster.images import BUILD, NO_CLUSTER, build_images, cluster_environment, start_one_node

_NUMBERS = count()


@pytest.fixture(scope="session")
def built_images() -> BUILD.Builder:
    """The builder, after it has built every image from this checkout."""
    try:
        return build_images()
    except BUILD.CannotBuild as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def image_pods(built_images: BUILD.Builder) -> Iterator[Pods]:
    """A namespace in which every image can be started."""
    environment = cluster_environment()
    if environment is None:
        pytest.skip(NO_CLUSTER)
    start_one_node()
    with Pods("voicepipe-images", environment) as started:
        yield started


@pytest.fixture
def pod_name() -> str:
    return f"pod-{next(_NUMBERS)}"
