"""Ten minutes of real speech through the whole product, compared with faster-whisper on the same weights."""

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
    """The environment of faster-whisper is missing; the message has the command that installs it."""


@dataclass(frozen=True, slots=True)
class Mode:
    """A mode of faster-whisper."""

    name: str
    how: str
    word_times: bool
    goal_applies: bool = False  # to the mode with the same output as the product


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
    job: CompletedJob
    words: int


def varied(testbed: Testbed, speech: Speech) -> list[Row]:
    minutes = length(testbed.sizes.recording_s)
    samples = speech.varied(testbed.sizes.recording_s)
    rows, given_s = _compared(testbed, samples, f"{minutes} of varied speech", Goal("<=", 0.95))
    detected = _ours(testbed, samples, "auto")
    return [
        *rows,
        Row(
            f"{minutes} of varied speech: with language detection, over the language given",
            detected.job.wall_s / given_s, "", None, f"{given_s:.1f} s with the language given",
            f"{_stages(detected.job)}; {detected.words} words",
        ),
    ]  # fmt: skip


def repeats(testbed: Testbed, speech: Speech) -> list[Row]:
    samples = speech.repeating(testbed.sizes.recording_s)
    name = f"{length(testbed.sizes.recording_s)} of clips, each eight times in a row"
    return _compared(testbed, samples, name, Goal("<=", 1.1))[0]


def _compared(testbed: Testbed, samples: Samples, name: str, goal: Goal) -> tuple[list[Row], float]:
    """The rows, and the seconds of the product: the mean of a run before the peers and one after them."""
    before = _ours(testbed, samples, LANGUAGE)
    peers = [_peer(testbed, samples, mode) for mode in MODES]
    after = _ours(testbed, samples, LANGUAGE)
    ours_s = mean(run.job.wall_s for run in (before, after))
    product_times = f"{before.job.wall_s:.1f} s, and {after.job.wall_s:.1f} s after the peers: {_stages(after.job)}"
    rows = [
        Row(
            f"{name}: accepted to completed, over faster-whisper {mode.name}",
            ours_s / peer.seconds, "", goal if mode.goal_applies else None, f"faster-whisper {peer.seconds:.1f} s", product_times,
        )
        for mode, peer in zip(MODES, peers, strict=True)
    ]  # fmt: skip
    return [*rows, _words(name, after.words, peers)], ours_s


def _words(name: str, ours: int, peers: Sequence[PeerRun]) -> Row:
    """Omitted words would make a system faster, so the numbers of words are compared.

    More are not better: loops add words.
    """
    counts = ", ".join(f"{mode.name} {peer.words}" for mode, peer in zip(MODES, peers, strict=True))
    return Row(
        f"{name}: words, over faster-whisper {MODES[0].name}", ours / max(1, peers[0].words), "", None,
        f"faster-whisper {counts}", f"{ours} words",
    )  # fmt: skip


def _ours(testbed: Testbed, samples: Samples, language: str) -> ProductRun:
    """Transcribe with the product. The job is deleted at the end, because the same bytes are not transcribed twice."""
    job = testbed.send(recordings.wav(samples), "recording.wav", language=language)
    ours = ProductRun(testbed.completed(job), len(testbed.text(job).split()))
    testbed.remove(job)
    return ours


def _peer(testbed: Testbed, samples: Samples, mode: Mode) -> PeerRun:
    if not PEERS.exists():
        raise PeerMissing(
            f"faster-whisper needs {PEERS.parents[1].name}, which does not exist: run deploy/local/install.sh peers"
        )
    path = testbed.scratch / "recording.wav"
    path.write_bytes(recordings.wav(samples))
    request = {"model": str(testbed.model), "path": str(path), "how": mode.how, "word_times": mode.word_times}
    request |= {"language": LANGUAGE, "threads": os.cpu_count()}
    command = [str(PEERS), "-W", "ignore", str(PROGRAM), json.dumps(request)]
    return PeerRun(**json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))


def _stages(finished: CompletedJob) -> str:
    return ", ".join(f"{stage} {finished.took_s(stage):.1f} s" for stage in STAGES)
