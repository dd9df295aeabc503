from __future__ import annotations

import pytest

from . import programs


@pytest.fixture(scope="session")
def promtool() -> str:
    return programs.promtool()


@pytest.fixture(scope="session")
def helm() -> str:
    return programs.helm()
