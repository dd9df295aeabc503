"""Compare autoscalers on traces: `python -m voicepipe_autoscaler.simulate`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .cluster import Hardware
from .figures import columns, table
from .page import PAGE, write
from .scenarios import SCENARIOS, TARGETS_S, SimulatedPool, compare, simulated
from .trace import BadTrace, Recording, read

AFTERWARDS_S = 3600.0

_EPILOG = """\
A trace has one JSON object on each line: {"at_s": 12.5, "audio_s": 1800, "priority": "standard", "pool": "transcribe"}.
Its pools are simulated as the options say; without a trace, those that come with this command are replayed in theirs."""


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    try:
        if given.write:
            _write(given.write)
        elif given.trace:
            _replay(given)
        else:
            _compare()
    except (BadTrace, OSError) as error:
        print(f"simulate: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m voicepipe_autoscaler.simulate",
        description="Replays recordings through pools that are scaled by Voicepipe, KEDA, the HPA and Ray Serve.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("trace", nargs="?", type=Path, help="a trace of your own")
    parser.add_argument("--slots", type=int, default=3, help="units of work that a replica works on at once (3)")
    parser.add_argument("--speed", type=float, default=6.0, help="seconds of audio per second of one replica (6)")
    parser.add_argument("--cold-start", type=float, default=20.0, help="seconds until a new replica is ready (20)")
    parser.add_argument("--max", type=int, default=20, help="the most replicas (20)")
    parser.add_argument("--premium", type=float, default=TARGETS_S["premium"], help="target of premium in seconds (60)")
    parser.add_argument(
        "--standard", type=float, default=TARGETS_S["standard"], help="target of standard in seconds (600)"
    )
    parser.add_argument("--whole", action="store_true", help="a recording is one unit of work, as for a diarizer")
    parser.add_argument(
        "--write", type=Path, metavar="DOCS", help="write autoscaling.md and its plots into this folder"
    )
    return parser


def _compare() -> None:
    for scenario in SCENARIOS:
        for name, pool in scenario.pools.items():
            print(f"{scenario.title}, pool {name}")
            _print(pool, scenario.recordings(name), scenario.until_s)


def _replay(given: argparse.Namespace) -> None:
    hardware = Hardware(given.slots, given.speed, given.cold_start, None if given.whole else 25.0)
    pool = simulated(hardware, given.max, targets_s={"premium": given.premium, "standard": given.standard})
    recordings = read(given.trace.read_text(encoding="utf-8").splitlines())
    until_s = max((one.at_s for one in recordings), default=0.0) + AFTERWARDS_S
    for name in sorted({one.pool for one in recordings}):
        print(f"{given.trace}, pool {name}")
        _print(pool, [one for one in recordings if one.pool == name], until_s)


def _print(pool: SimulatedPool, recordings: Sequence[Recording], until_s: float) -> None:
    runs = compare(pool, recordings, until_s)
    print(table([(run.policy, run) for run in runs], columns(pool.spec.targets_s)), end="\n\n")


def _write(docs: Path) -> None:
    for path, text in write((docs / PAGE).read_text(encoding="utf-8")).items():
        (docs / path).parent.mkdir(exist_ok=True)
        (docs / path).write_text(text, encoding="utf-8")
        print(docs / path)


if __name__ == "__main__":
    sys.exit(main())
