"""Requirements on the Python environment of a model."""

from __future__ import annotations

import numpy as np


def require_numpy_1() -> None:
    """Refuse numpy 2, with which Triton 2.51's python backend silently corrupts tensors.

    Raises:
        RuntimeError: numpy 2 is installed.
    """
    if not np.__version__.startswith("1."):
        raise RuntimeError(f"numpy {np.__version__} is installed, but Triton's python backend needs numpy < 2")
