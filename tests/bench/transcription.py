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
from .row import Goal, Row, length
from .speech import Samples, Speech
from .testbed import ROOT, CompletedJob, Testbed

PEERS = ROOT / ".venv-peers" / "bin" / "python"
PROGRAM = Path(__file__).with_name("faster_whisper_once.py")
LANGUAGE = "en"
STAGES = ("prepare", "transcribe", "assemble")


class PeerMissing(RuntimeError):
    """The environment of faster-whisper is not there; the message says what makes it."""


@dataclass(frozen=True, slots=True)
class Mode:
    """How faster-whisper is run."""

    name: str
    how: str
    word_times: bool
    goal_applies: bool = False  # to the way that gives what the product gives


MODES = (
    Mode("batched with word times", "batched", word_times=True, goal_applies=True),
    Mode("batched without word times", "batched", word_times=False),
    Mode("sequential with word times", "sequential", word_times=True),
)


@dataclass(frozen=True, slots=True)
class PeerRun:
    seconds: float
    words: int


@dataclass(frozen=True, slots=True)
class ProductRun:
    finished: CompletedJob
    words: int


def varied(testbed: Testbed, speech: Speech) -> list[Row]:
    minutes = length(testbed.sizes.recording_s)
    samples = speech.varied(testbed.sizes.recording_s)
    rows, given_s = _compared(testbed, samples, f"{minutes} of varied speech", Goal("<=", 0.95))
    found = _ours(testbed, samples, "auto")
    return [
        *rows,
        Row(
            f"{minutes} of varied speech: with the language left to find, over the language given",
            found.finished.wall_s / given_s, "", None, f"{given_s:.1f} s with the language given",
            f"{_stages(found.finished)}; {found.words} words",
        ),
    ]  # fmt: skip


def repeats(testbed: Testbed, speech: Speech) -> list[Row]:
    samples = speech.repeating(testbed.sizes.recording_s)
    name = f"{length(testbed.sizes.recording_s)} of clips, each eight times in a row"
    return _compared(testbed, samples, name, Goal("<=", 1.1))[0]


def _compared(testbed: Testbed, samples: Samples, name: str, goal: Goal) -> tuple[list[Row], float]:
    """The rows, and the seconds of the product: the mean of a run before the peers and one after them."""
    before = _ours(testbed, samples, LANGUAGE)
    peers = [_peer(testbed, samples, way) for way in MODES]
    after = _ours(testbed, samples, LANGUAGE)
    ours_s = mean(run.finished.wall_s for run in (before, after))
    said = (
        f"{before.finished.wall_s:.1f} s, and {after.finished.wall_s:.1f} s after the peers: {_stages(after.finished)}"
    )
    rows = [
        Row(
            f"{name}: accepted to completed, over faster-whisper {way.name}",
            ours_s / peer.seconds, "", goal if way.goal_applies else None, f"faster-whisper {peer.seconds:.1f} s", said,
        )
        for way, peer in zip(MODES, peers, strict=True)
    ]  # fmt: skip
    return [*rows, _words(name, after.words, peers)], ours_s


def _words(name: str, ours: int, peers: Sequence[PeerRun]) -> Row:
    """Speed is not to be bought with words that are left out; nor are loops to be counted as words."""
    counts = ", ".join(f"{way.name} {peer.words}" for way, peer in zip(MODES, peers, strict=True))
    return Row(
        f"{name}: words, over faster-whisper {MODES[0].name}", ours / max(1, peers[0].words), "", None,
        f"faster-whisper {counts}", f"{ours} words",
    )  # fmt: skip


def _ours(testbed: Testbed, samples: Samples, language: str) -> ProductRun:
    """Removed at the end: the same bytes are not transcribed twice."""
    job = testbed.send(recordings.wav(samples), "recording.wav", language=language)
    ours = ProductRun(testbed.finished(job), len(testbed.text(job).split()))
    testbed.remove(job)
    return ours


def _peer(testbed: Testbed, samples: Samples, way: Mode) -> PeerRun:
    if not PEERS.exists():
        raise PeerMissing(
            f"faster-whisper needs {PEERS.parents[1].name}, which is not there: deploy/local/install.sh peers"
        )
    path = testbed.scratch / "recording.wav"
    path.write_bytes(recordings.wav(samples))
    order = {"model": str(testbed.model), "path": str(path), "how": way.how, "word_times": way.word_times}
    order |= {"language": LANGUAGE, "threads": os.cpu_count()}
    command = [str(PEERS), "-W", "ignore", str(PROGRAM), json.dumps(order)]
    return PeerRun(**json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))


def _stages(finished: CompletedJob) -> str:
    return ", ".join(f"{stage} {finished.took_s(stage):.1f} s" for stage in STAGES)
