"""The options of a job. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def options_hash(options: Mapping[str, Any]) -> bytes:
    """Hash of the options that decide the words: the same recording with the same hash has the same transcript."""
    deciding = {key: value for key, value in options.items() if key != "priority"}
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).digest()
