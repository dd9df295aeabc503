"""These tests need helm, and a few a cluster."""

from __future__ import annotations

import pytest

from chart import rendering


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "cluster: needs a Kubernetes cluster")


@pytest.fixture(autouse=True)
def helm() -> str:
    """The path of helm."""
    path = rendering.helm()
    if path is None:
        pytest.skip(rendering.NO_HELM)
    return path
