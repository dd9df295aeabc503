"""Measure the accuracy of transcripts against faster-whisper and stock pyannote: `python -m tests.accuracy`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from voicepipe_local.component import CannotStart
from voicepipe_local.models import Models
from voicepipe_local.stack import StartFailed

from . import corpus, environment, page, peers, report, sounds
from .corpus import NO_SPEECH, ROOT, SPEECH, Recording
from .measures import OURS
from .peers import Peer, PeerFailed
from .runs import Hypothesis, Run, UnreadableRun
from .speakers import STOCK, is_diarized

FOLDER = ROOT / ".make" / "accuracy"
LATEST = FOLDER / "latest.json"
PARTIAL = FOLDER / "partial.json"
PAGE = ROOT / "docs" / "accuracy.md"
ENGLISH_ONLY = "fast"


def main() -> int:
    options = _arguments()
    try:
        recordings = corpus.select(_recordings(), options.only)
        if not recordings:
            print(
                f"Nothing matches {' '.join(options.only)}: give an id, a language, a group or a tag.", file=sys.stderr
            )
            return 2
        run = Run.load(options.report) if options.report else _measure(recordings, options)
        before = Run.load(options.compare) if options.compare else None
    except (CannotStart, StartFailed, PeerFailed, UnreadableRun, FileNotFoundError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    if before:
        print(report.changes(run, before, recordings))
        return 0
    if options.only or options.tier:
        print(report.tables(run, recordings))
        return 0
    text = page.render(run, recordings)
    print(text)
    if _is_complete(options) and options.peers and options.report in {None, LATEST}:
        PAGE.write_text(text)
        print(f"Written to {PAGE.relative_to(ROOT)}.")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="GLOB", help="ids, languages, groups or tags")
    parser.add_argument("--tier", action="append", choices=("accurate", ENGLISH_ONLY), help="only this tier")
    parser.add_argument(
        "--peers",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="run a peer where no cached result of it exists",
    )
    parser.add_argument("--speakers", action=argparse.BooleanOptionalAction, default=True, help="also measure speakers")
    parser.add_argument(
        "--report", type=Path, nargs="?", const=LATEST, metavar="RUN.json", help="print the tables of an earlier run"
    )
    parser.add_argument(
        "--compare", type=Path, metavar="RUN.json", help="print only the differences from an earlier run"
    )
    return parser.parse_args()


def _is_complete(options: argparse.Namespace) -> bool:
    """Whether the run covers everything. Only such a run is saved as the latest."""
    return options.speakers and not options.only and not options.tier


def _recordings() -> tuple[Recording, ...]:
    speech = corpus.speech()
    if not speech:
        print(f"{SPEECH.relative_to(ROOT.parent)} does not exist: the phone call is the only recording with speech.")
    return (corpus.phone_call(), *speech, *sounds.recordings(FOLDER / "sounds"))


def _measure(recordings: Sequence[Recording], options: argparse.Namespace) -> Run:
    """Save the run after every part, so that the results of an interrupted run can be read."""
    models = environment.wanted_models()
    run = Run(environment.describe(models))
    path = LATEST if _is_complete(options) else PARTIAL
    tiers = [tier for tier in models.speech if tier in (options.tier or models.speech)]
    with environment.product(models) as product:
        for tier in tiers:
            selected = _for_tier(tier, recordings)
            job_options = {one.id: _options(tier, one, speakers=options.speakers) for one in selected}
            transcripts = product.transcribe_all(selected, job_options)
            run.add(tier, OURS, _with_progress(tier, OURS, len(selected), transcripts))
            run.save(path)
    for tier in tiers:
        selected = _for_tier(tier, recordings)
        for peer in _peers(tier, models, with_speakers=options.speakers):
            suitable = [one for one in selected if peer.name != STOCK or is_diarized(one)]
            results = peer.run_all(suitable, only_cached=not options.peers)
            run.add(tier, peer.name, _with_progress(tier, peer.name, len(suitable), results))
            run.save(path)
    return run


def _for_tier(tier: str, recordings: Sequence[Recording]) -> list[Recording]:
    return [one for one in recordings if tier != ENGLISH_ONLY or one.language in {"en", NO_SPEECH}]


def _options(tier: str, recording: Recording, *, speakers: bool) -> dict[str, str]:
    language = {"language": "en"} if tier == ENGLISH_ONLY else {}
    diarize = {"diarize": "true"} if speakers and tier != ENGLISH_ONLY and is_diarized(recording) else {}
    return {"model": tier, **language, **diarize}


def _peers(tier: str, models: Models, *, with_speakers: bool) -> Iterator[Peer]:
    threads = environment.cores()
    for how in report.WORD_PEERS:
        yield peers.whisper(how, models.speech[tier], threads)
    if with_speakers and models.speakers and tier != ENGLISH_ONLY:
        yield peers.pyannote(models.speakers, threads)


def _with_progress(tier: str, system: str, total: int, results: Iterator[Hypothesis]) -> Iterator[Hypothesis]:
    """Print one line for each result as it arrives."""
    for number, one in enumerate(results, 1):
        excerpt = f"{', '.join(one.languages) or '-'} {one.text[:60]}" if one.text else f"{len(one.turns)} turns"
        print(f"{tier} {system} {number}/{total} {one.id}: {excerpt} {' '.join(one.warnings)}", flush=True)
        yield one


if __name__ == "__main__":
    sys.exit(main())
