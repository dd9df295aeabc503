"""Ten minutes of real speech through the whole product, against faster-whisper on the same weights."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from . import recordings
from .bed import ROOT, Bed, Finished
from .row import Goal, Row, length
from .speech import Samples, Speech

PEERS = ROOT / ".venv-peers" / "bin" / "python"
PROGRAM = Path(__file__).with_name("faster_whisper_once.py")
LANGUAGE = "en"
STAGES = ("prepare", "transcribe", "assemble")


class PeerMissing(RuntimeError):
    """The environment of faster-whisper is not there; the message says what makes it."""


@dataclass(frozen=True, slots=True)
class Way:
    """How faster-whisper is run."""

    name: str
    how: str
    word_times: bool
    goal_applies: bool = False  # to the way that gives what the product gives


WAYS = (
    Way("batched with word times", "batched", word_times=True, goal_applies=True),
    Way("batched without word times", "batched", word_times=False),
    Way("sequential with word times", "sequential", word_times=True),
)


@dataclass(frozen=True, slots=True)
class Heard:
    seconds: float
    words: int


@dataclass(frozen=True, slots=True)
class Ours:
    finished: Finished
    words: int


def varied(bed: Bed, speech: Speech) -> list[Row]:
    minutes = length(bed.sizes.recording_s)
    samples = speech.varied(bed.sizes.recording_s)
    rows, given_s = _compared(bed, samples, f"{minutes} of varied speech", Goal("<=", 0.95))
    found = _ours(bed, samples, "auto")
    return [
        *rows,
        Row(
            f"{minutes} of varied speech: with the language left to find, over the language given",
            found.finished.wall_s / given_s, "", None, f"{given_s:.1f} s with the language given",
            f"{_stages(found.finished)}; {found.words} words",
        ),
    ]  # fmt: skip


def repeats(bed: Bed, speech: Speech) -> list[Row]:
    samples = speech.repeating(bed.sizes.recording_s)
    name = f"{length(bed.sizes.recording_s)} of clips, each eight times in a row"
    return _compared(bed, samples, name, Goal("<=", 1.1))[0]


def _compared(bed: Bed, samples: Samples, name: str, goal: Goal) -> tuple[list[Row], float]:
    """The rows, and the seconds of the product: the mean of a run before the peers and one after them."""
    before = _ours(bed, samples, LANGUAGE)
    peers = [_peer(bed, samples, way) for way in WAYS]
    after = _ours(bed, samples, LANGUAGE)
    ours_s = mean(run.finished.wall_s for run in (before, after))
    said = (
        f"{before.finished.wall_s:.1f} s, and {after.finished.wall_s:.1f} s after the peers: {_stages(after.finished)}"
    )
    rows = [
        Row(
            f"{name}: accepted to completed, over faster-whisper {way.name}",
            ours_s / peer.seconds, "", goal if way.goal_applies else None, f"faster-whisper {peer.seconds:.1f} s", said,
        )
        for way, peer in zip(WAYS, peers, strict=True)
    ]  # fmt: skip
    return [*rows, _words(name, after.words, peers)], ours_s


def _words(name: str, ours: int, peers: Sequence[Heard]) -> Row:
    """Speed is not to be bought with words that are left out; nor are loops to be counted as words."""
    counts = ", ".join(f"{way.name} {peer.words}" for way, peer in zip(WAYS, peers, strict=True))
    return Row(
        f"{name}: words, over faster-whisper {WAYS[0].name}", ours / max(1, peers[0].words), "", None,
        f"faster-whisper {counts}", f"{ours} words",
    )  # fmt: skip


def _ours(bed: Bed, samples: Samples, language: str) -> Ours:
    """Removed at the end: the same bytes are not transcribed twice."""
    job = bed.send(recordings.wav(samples), "recording.wav", language=language)
    ours = Ours(bed.finished(job), len(bed.text(job).split()))
    bed.remove(job)
    return ours


def _peer(bed: Bed, samples: Samples, way: Way) -> Heard:
    if not PEERS.exists():
        raise PeerMissing(
            f"faster-whisper needs {PEERS.parents[1].name}, which is not there: deploy/local/install.sh peers"
        )
    path = bed.scratch / "recording.wav"
    path.write_bytes(recordings.wav(samples))
    order = {"model": str(bed.model), "path": str(path), "how": way.how, "word_times": way.word_times}
    order |= {"language": LANGUAGE, "threads": os.cpu_count()}
    command = [str(PEERS), "-W", "ignore", str(PROGRAM), json.dumps(order)]
    return Heard(**json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))


def _stages(finished: Finished) -> str:
    return ", ".join(f"{stage} {finished.took_s(stage):.1f} s" for stage in STAGES)
