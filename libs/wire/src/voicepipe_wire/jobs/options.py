"""The options of a job. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

# Options that jobs of earlier versions do not have, with what was done then.
_LATER: Final[Mapping[str, Any]] = {"channels": "mix", "track": None}


def options_hash(options: Mapping[str, Any]) -> bytes:
    """Hash of the options that decide the words: the same recording with the same hash has the same transcript."""
    deciding = {key: value for key, value in options.items() if key != "priority"}
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).digest()


def complete(options: Mapping[str, Any]) -> dict[str, Any]:
    """The stored options of a job, with those that its version did not know."""
    return {**options, **{name: value for name, value in _LATER.items() if name not in options}}
