"""Measure how right transcripts are, beside faster-whisper and stock pyannote: `python -m tests.accuracy`."""

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
from .speakers import STOCK, worth_it

FOLDER = ROOT / ".make" / "accuracy"
LATEST = FOLDER / "latest.json"
PARTIAL = FOLDER / "partial.json"
PAGE = ROOT / "docs" / "accuracy.md"
ENGLISH_ONLY = "fast"


def main() -> int:
    options = _arguments()
    try:
        recordings = corpus.chosen(_recordings(), options.only)
        if not recordings:
            print(
                f"Nothing matches {' '.join(options.only)}: give an id, a language, a group or a tag.", file=sys.stderr
            )
            return 2
        run = Run.load(options.report) if options.report else _measured(recordings, options)
        before = Run.load(options.compare) if options.compare else None
    except (CannotStart, StartFailed, PeerFailed, UnreadableRun, FileNotFoundError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    if before:
        print(report.compared(run, before, recordings))
        return 0
    if options.only or options.tier:
        print(report.tables(run, recordings))
        return 0
    text = page.whole(run, recordings)
    print(text)
    if _is_whole(options) and options.peers and options.report in {None, LATEST}:
        PAGE.write_text(text)
        print(f"Written to {PAGE.relative_to(ROOT)}.")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="GLOB", help="ids, languages, groups or tags")
    parser.add_argument("--tier", action="append", choices=("accurate", ENGLISH_ONLY), help="only this one")
    parser.add_argument(
        "--peers", action=argparse.BooleanOptionalAction, default=True, help="run them where nothing is kept of them"
    )
    parser.add_argument("--speakers", action=argparse.BooleanOptionalAction, default=True, help="who speaks, too")
    parser.add_argument(
        "--report", type=Path, nargs="?", const=LATEST, metavar="RUN.json", help="only the tables of an earlier run"
    )
    parser.add_argument("--compare", type=Path, metavar="RUN.json", help="show only what differs from an earlier run")
    return parser.parse_args()


def _is_whole(options: argparse.Namespace) -> bool:
    """Only such a run is kept as the latest."""
    return options.speakers and not options.only and not options.tier


def _recordings() -> tuple[Recording, ...]:
    speech = corpus.speech()
    if not speech:
        print(f"There is no {SPEECH.relative_to(ROOT.parent)} beside this checkout: only the phone call is spoken.")
    return (corpus.phone_call(), *speech, *sounds.recordings(FOLDER / "sounds"))


def _measured(recordings: Sequence[Recording], options: argparse.Namespace) -> Run:
    """Kept after every part, so that a run which is cut off can still be looked at."""
    models = environment.wanted_models()
    run = Run(environment.describe(models))
    place = LATEST if _is_whole(options) else PARTIAL
    tiers = [tier for tier in models.speech if tier in (options.tier or models.speech)]
    with environment.product(models) as product:
        for tier in tiers:
            spoken = _of_tier(tier, recordings)
            chosen = {one.id: _options(tier, one, speakers=options.speakers) for one in spoken}
            run.add(tier, OURS, _told(tier, OURS, len(spoken), product.hear_all(spoken, chosen)))
            run.save(place)
    for tier in tiers:
        spoken = _of_tier(tier, recordings)
        for peer in _peers(tier, models, speakers_too=options.speakers):
            heard_by = [one for one in spoken if peer.name != STOCK or worth_it(one)]
            found = peer.hear_all(heard_by, only_kept=not options.peers)
            run.add(tier, peer.name, _told(tier, peer.name, len(heard_by), found))
            run.save(place)
    return run


def _of_tier(tier: str, recordings: Sequence[Recording]) -> list[Recording]:
    return [one for one in recordings if tier != ENGLISH_ONLY or one.language in {"en", NO_SPEECH}]


def _options(tier: str, recording: Recording, *, speakers: bool) -> dict[str, str]:
    language = {"language": "en"} if tier == ENGLISH_ONLY else {}
    diarize = {"diarize": "true"} if speakers and tier != ENGLISH_ONLY and worth_it(recording) else {}
    return {"model": tier, **language, **diarize}


def _peers(tier: str, models: Models, *, speakers_too: bool) -> Iterator[Peer]:
    threads = environment.cores()
    for how in report.WORD_PEERS:
        yield peers.whisper(how, models.speech[tier], threads)
    if speakers_too and models.speakers and tier != ENGLISH_ONLY:
        yield peers.pyannote(models.speakers, threads)


def _told(tier: str, system: str, total: int, found: Iterator[Hypothesis]) -> Iterator[Hypothesis]:
    for number, one in enumerate(found, 1):
        said = f"{', '.join(one.languages) or '-'} {one.text[:60]}" if one.text else f"{len(one.turns)} turns"
        print(f"{tier} {system} {number}/{total} {one.id}: {said} {' '.join(one.warnings)}", flush=True)
        yield one


if __name__ == "__main__":
    sys.exit(main())
