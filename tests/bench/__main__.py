"""Measure the line and print the table: `python -m tests.bench`."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console

from . import batch, diarization, end_to_end, long_recording, upload_speed
from .bed import QUICK, Bed, Sizes, running
from .end_to_end import ROOT
from .row import Row, table

FIXTURE: dict[str, Callable[[Bed], list[Row]]] = {
    "speed": lambda bed: end_to_end.measure(bed, "fixture model"),
    "upload": upload_speed.measure,
    "long": long_recording.measure,
}

ALL = (*FIXTURE, "batch", "speakers", "model")


def main() -> int:
    options = _arguments()
    sizes = QUICK if options.quick else Sizes()
    console = Console(width=None if sys.stdout.isatty() else 170)
    rows = []
    for row in _measured(options, sizes, console):
        rows.append(row)
        console.print(
            f"  {row.name}: {row.value:.3g} {row.unit} {row.verdict}\n    {row.baseline}\n    {row.what_limits_it}",
            highlight=False,
        )
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    title = (
        f"{'QUICK: these are no measurements. ' if options.quick else ''}{os.cpu_count()} cores, load {load} at the end"
    )
    console.print(table(rows, title))
    if options.json:
        options.json.write_text(json.dumps({"title": title, "rows": [row.as_json() for row in rows]}, indent=2) + "\n")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    parser.add_argument("--only", choices=ALL, action="append", help="only these; may be given again")
    parser.add_argument(
        "--model-size", choices=("tiny", "base", "small"), default="base", help="of the real-size model"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows there")
    return parser.parse_args()


def _measured(options: argparse.Namespace, sizes: Sizes, console: Console) -> Iterator[Row]:
    wanted = options.only or ALL

    def told(name: str) -> None:
        console.print(f"{name} ... (load {os.getloadavg()[0]:.1f})")

    if chosen := [name for name in FIXTURE if name in wanted]:
        with running(sizes) as bed:
            for name in chosen:
                told(name)
                yield from FIXTURE[name](bed)
    if "batch" in wanted:
        told("batch")
        with running(sizes, requests=2 * end_to_end.LARGEST_BATCH) as bed:
            yield from batch.measure(bed)
    if "speakers" in wanted:
        told("speakers")
        yield from diarization.pipelines(sizes)
        with running(sizes, speakers=True) as bed:
            yield from diarization.whole_jobs(bed)
    if "model" in wanted:
        told(f"a model of the size of Whisper {options.model_size}")
        with tempfile.TemporaryDirectory(prefix="voicepipe-bench-model-") as folder:
            _make_model(options.model_size, Path(folder))
            with running(sizes, Path(folder)) as bed:
                yield from end_to_end.measure(bed, f"model of the size of {options.model_size}")


def _make_model(size: str, folder: Path) -> None:
    python, program = ROOT / ".venv-triton/bin/python", Path(__file__).with_name("heavy_model.py")
    subprocess.run([python, program, size, folder], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
