"""A place with a models directory, a catalogue and wheels of its own, and the command run in it."""

from pathlib import Path

import pytest
from model_place import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)
