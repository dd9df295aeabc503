"""A workspace per test: its own models directory, catalogue and wheels, and the command run in it."""

from pathlib import Path

import pytest
from model_workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)
