"""These tests need helm."""

from __future__ import annotations

import pytest

from chart import rendering


@pytest.fixture(autouse=True, scope="session")
def _helm() -> None:
    if rendering.helm() is None:
        pytest.skip(rendering.NO_HELM)
