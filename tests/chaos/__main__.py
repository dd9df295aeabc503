"""Run chaos from the command line: `PYTHONPATH=tests python -m chaos`."""

from __future__ import annotations

import argparse
import json
import random
import sys

from .run import GAP_S, Plan, run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000), help="repeats a run")
    parser.add_argument("--faults", type=int, default=60, help="how many faults happen (60)")
    parser.add_argument(
        "--longest-gap-s", type=float, default=GAP_S[1], help=f"the longest time between two faults ({GAP_S[1]})"
    )
    parser.add_argument("--speakers", action="store_true", help="with a real diarizer")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON on the last line")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    plan = Plan(options.seed, options.faults, options.speakers, (GAP_S[0], options.longest_gap_s))
    outcome = run(plan, lambda text: print(text, flush=True))
    print(
        f"{outcome.sent} recordings sent, {outcome.accepted} accepted; at rest {outcome.came_to_rest_s:.0f} s after the last repair"
    )
    for problem in (*outcome.violations, *outcome.bugs):
        print(f"  {problem}")
    if options.json:
        fields = ("sent", "accepted", "came_to_rest_s", "violations", "bugs")
        print(
            json.dumps(
                {"seed": options.seed, "faults": options.faults} | {name: getattr(outcome, name) for name in fields}
            )
        )
    return 1 if outcome.violations or outcome.bugs else 0


if __name__ == "__main__":
    sys.exit(main())
