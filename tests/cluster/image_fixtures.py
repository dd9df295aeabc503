"""Fixtures of the tests that look into the images."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from itertools import count

import pytest
from cluster.image_pods import Pods
from cluster.images import BUILD, TAG, builder_environment, cluster_environment, load_image, start_one_node

_NUMBERS = count()


@pytest.fixture(scope="session")
def image_builder() -> BUILD.Builder:
    try:
        return BUILD.Builder.of(builder_environment())
    except BUILD.CannotBuild as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def built_images(image_builder: BUILD.Builder) -> BUILD.Builder:
    """The builder, after it has built every image from this checkout."""
    assert BUILD.main([], builder_environment() | {"TAG": TAG}) == 0
    return image_builder


@pytest.fixture(scope="session")
def image_pods(built_images: BUILD.Builder) -> Iterator[Pods]:
    """A namespace in which every image can be started."""
    environment = cluster_environment()
    if environment is None:
        pytest.skip("there is no cluster: set KUBECONFIG, and IMAGE_LOADER to the command that loads an image into it")
    start_one_node()
    with Pods("voicepipe-images", environment, functools.cache(load_image)) as started:
        yield started


@pytest.fixture
def pod_name() -> str:
    return f"pod-{next(_NUMBERS)}"
