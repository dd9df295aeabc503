"""What must hold of the Python environment before a model loads."""

from __future__ import annotations

import numpy as np


def need_numpy_1() -> None:
    """Raise under numpy 2: Triton 2.51's python backend then hands over corrupted tensors without a word."""
    if not np.__version__.startswith("1."):
        raise RuntimeError(f"numpy {np.__version__} is installed here; Triton's python backend needs numpy < 2")
