"""These tests need helm."""

from __future__ import annotations

import pytest

from chart import rendering


@pytest.fixture(autouse=True, scope="session")
def helm() -> str:
    """The path of helm."""
    path = rendering.helm()
    if path is None:
        pytest.skip(rendering.NO_HELM)
    return path
