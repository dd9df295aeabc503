"""Measure speed and memory, and print the table: `python -m tests.bench`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from voicepipe_local import triton
from voicepipe_local.component import CannotStart
from voicepipe_local.models import Models
from voicepipe_local.stack import StartFailed
from voicepipe_local.testing import WHISPER_FIXTURE

from tests.accuracy import environment

from . import (
    autoscaler_simulated,
    autoscaler_soak,
    batch_fill,
    chaos,
    clip_during_transcription,
    decoding,
    diarization,
    event_streams,
    large_model,
    long_recording,
    meeting_with_speakers,
    prepare_stage,
    recordings,
    report,
    short_jobs,
    transcription,
    upload_speed,
)
from .row import Row, table
from .speech import Speech
from .testbed import QUICK, TIER, Sizes, Testbed, running

# The parts of a run. With the toy Whisper, whose answers cost almost nothing:
TOY: dict[str, Callable[[Testbed], list[Row]]] = {
    "upload": upload_speed.measure,
    "streams": event_streams.measure,
    "long": long_recording.measure,
}
# On the default stack, with real speech:
REAL: dict[str, Callable[[Testbed, Speech], list[Row]]] = {
    "decoding": decoding.measure,
    "prepare": prepare_stage.measure,
    "varied": transcription.varied,
    "repeats": transcription.repeats,
    "short": short_jobs.measure,
    "clip": clip_during_transcription.measure,
    "meeting": meeting_with_speakers.measure,
}
SPEAKERS = "speakers"
GPU = ("batch", "large")
# Without a stack:
SIMULATED, SOAK = "simulated", "soak"
# On a stack of its own:
CHAOS = "chaos"
ALL = (*TOY, SPEAKERS, *REAL, *GPU, SIMULATED, SOAK, CHAOS)
WARM_UP_S = 20.0


def main() -> int:
    options = _arguments()
    console = Console(width=None if sys.stdout.isatty() else 170)
    try:
        if options.report:
            print(report.write_table(options.report))
            return 0
        _measure(options, console)
    except (CannotStart, StartFailed, transcription.PeerMissing, FileNotFoundError, report.UnreadableRun) as error:
        print(error, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"{Path(error.cmd[0]).name} exited with status {error.returncode}; its output is above", file=sys.stderr)
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, to check that the bench works")
    parser.add_argument("--only", choices=ALL, action="append", help="only this part; may be repeated")
    parser.add_argument(
        "--model-size",
        choices=("small", "medium", "large-v3"),
        default="large-v3",
        help="size of the model of the part `large`",
    )
    parser.add_argument("--minutes", type=float, default=20.0, help="how long the part `soak` takes (20)")
    parser.add_argument("--faults", type=int, default=1000, help="how many faults happen in the part `chaos` (1000)")
    parser.add_argument("--seed", type=int, default=14, help="of the faults of the part `chaos` (14)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows to this file")
    parser.add_argument(
        "--report",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="measure nothing; write the table of tests/bench/README.md from these files",
    )
    return parser.parse_args()


def _measure(options: argparse.Namespace, console: Console) -> None:
    """Save the run after every row, so that an interrupted run is not lost."""
    models, speech = environment.wanted_models(), Speech.available()
    if TIER not in models.speech:
        raise CannotStart(f"VOICEPIPE_MODELS has no model for the tier {TIER}, which the bench needs: unset it")
    suite = Suite(
        QUICK if options.quick else Sizes(),
        models,
        speech,
        options.model_size,
        2.0 if options.quick else options.minutes,
        (options.seed, 20 if options.quick else options.faults),
        console,
    )
    wanted = options.only or ALL
    facts = environment.describe(models)
    title = f"{facts['made_at']}, revision {facts['revision']}, {facts['machine']}"
    run, rows = report.Run(title, speech.source, options.quick, suite.left_out(wanted)), []
    for part, row in suite.measure(wanted):
        rows.append(row)
        run = run.with_row(part, row, os.getloadavg()[0])
        console.print(
            f"  {row.name}: {row.value:.3g} {row.unit} {row.verdict}\n    {row.baseline}\n    {row.what_limits_it}",
            highlight=False,
        )
        if options.json:
            run.save(options.json)
    console.print(table(rows, run.heading))


class Suite:
    """The parts of the bench, grouped by the stack that they need."""

    def __init__(
        self,
        sizes: Sizes,
        models: Models,
        speech: Speech,
        model_size: str,
        minutes: float,
        faults: tuple[int, int],
        console: Console,
    ) -> None:
        self._sizes = sizes
        self._models = models
        self._speech = speech
        self._model_size = model_size
        self._minutes = minutes
        self._seed, self._faults = faults
        self._console = console

    def left_out(self, wanted: Sequence[str]) -> tuple[str, ...]:
        """The parts that need a GPU or a cluster, if there is none."""
        missing = (*(() if triton.GPU.exists() else GPU), *(() if "KUBECONFIG" in os.environ else (SOAK,)))
        return tuple(part for part in missing if part in wanted)

    def measure(self, wanted: Sequence[str]) -> Iterator[tuple[str, Row]]:
        yield from self._on_toy_stack([part for part in TOY if part in wanted])
        if SPEAKERS in wanted:
            yield from self._announced(
                SPEAKERS, lambda: diarization.measure(self._sizes, self._speakers(), self._speech)
            )
        yield from self._on_real_stack([part for part in REAL if part in wanted])
        possible = set(wanted) - set(self.left_out(wanted))
        yield from self._on_a_gpu([part for part in GPU if part in possible])
        if SIMULATED in possible:
            yield from self._announced(SIMULATED, autoscaler_simulated.measure)
        if SOAK in possible:
            yield from self._announced(SOAK, lambda: autoscaler_soak.measure(self._minutes))
        if CHAOS in possible:
            yield from self._announced(CHAOS, lambda: chaos.measure(self._seed, self._faults))

    def _on_toy_stack(self, parts: list[str]) -> Iterator[tuple[str, Row]]:
        if parts:
            warm_up = recordings.meeting_wav(WARM_UP_S, seed=1_000)
            with running(self._sizes, warm_up, {TIER: WHISPER_FIXTURE}) as testbed:
                for part in parts:
                    yield from self._announced(part, lambda part=part: TOY[part](testbed))

    def _on_real_stack(self, parts: list[str]) -> Iterator[tuple[str, Row]]:
        if parts:
            with running(self._sizes, self._warm_up(), self._models.speech, self._speakers()) as testbed:
                for part in parts:
                    yield from self._announced(part, lambda part=part: REAL[part](testbed, self._speech))

    def _on_a_gpu(self, parts: list[str]) -> Iterator[tuple[str, Row]]:
        if "batch" in parts:
            with running(self._sizes, self._warm_up(), self._models.speech) as testbed:
                yield from self._announced("batch", lambda: batch_fill.measure(testbed, self._speech))
        if "large" in parts:
            label = f"Whisper {self._model_size} with random weights"
            with tempfile.TemporaryDirectory(prefix="voicepipe-bench-model-") as folder:
                large_model.make(self._model_size, Path(folder))
                with running(
                    self._sizes, recordings.meeting_wav(WARM_UP_S, seed=1_000), {TIER: Path(folder)}
                ) as testbed:
                    yield from self._announced("large", lambda: large_model.measure(testbed, label))

    def _speakers(self) -> Path:
        if self._models.speakers is None:
            raise CannotStart("VOICEPIPE_DIARIZATION_MODEL is none, but the bench measures diarization: unset it")
        return self._models.speakers

    def _warm_up(self) -> bytes:
        return recordings.wav(self._speech.varied(WARM_UP_S))

    def _announced(self, part: str, measure: Callable[[], list[Row]]) -> Iterator[tuple[str, Row]]:
        self._console.print(f"{part} ... (load {os.getloadavg()[0]:.1f})")
        for row in measure():
            yield part, row


if __name__ == "__main__":
    sys.exit(main())
