"""Many random faults under load (tests/chaos), in a process of their own: how many of the promises were broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from .row import Goal, Row

TESTS = Path(__file__).parents[1]
# A fault lasts up to 6 s, so about four overlap.
LONGEST_GAP_S = 1.8


def measure(seed: int, faults: int) -> list[Row]:
    numbers = ("--seed", str(seed), "--faults", str(faults), "--longest-gap-s", str(LONGEST_GAP_S))
    command = [sys.executable, "-m", "chaos", *numbers, "--speakers", "--json"]
    modules = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        command, check=False, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": modules}
    )
    last = done.stdout.strip().rpartition("\n")[2]
    if not last.startswith("{"):
        raise subprocess.CalledProcessError(done.returncode, command)
    outcome = json.loads(last)
    broken = [*outcome["violations"], *outcome["bugs"]]
    return [
        Row(
            f"{faults} random faults under load (seed {seed}): promises broken",
            len(broken), "", Goal("<=", 0),
            f"{outcome['accepted']} recordings accepted, at rest {outcome['came_to_rest_s']:.0f} s after the last repair",
            "; ".join(broken[:3]),
        )
    ]  # fmt: skip
