"""Many short recordings at once, compared with the same recordings one at a time."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from statistics import median

from . import recordings
from .row import Goal, Row
from .speech import RATE, Speech
from .testbed import Testbed

SHORTEST_S, LONGEST_S = 2.0, 8.0

# One user may have half of the 32 uploads that upload receives at once.
UPLOADS_AT_ONCE = 16


def measure(testbed: Testbed, speech: Speech) -> list[Row]:
    samples = list(islice(speech.clips(SHORTEST_S, LONGEST_S), testbed.sizes.short_jobs))
    wavs = [recordings.wav(each) for each in samples]
    rounds = [(_one_at_a_time_s(testbed, wavs), _at_once_s(testbed, wavs)) for _ in range(testbed.sizes.short_rounds)]
    alone = ", ".join(f"{alone_s:.1f}" for alone_s, _ in rounds)
    together = ", ".join(f"{together_s:.1f}" for _, together_s in rounds)
    audio_s = sum(map(len, samples)) / RATE
    return [
        Row(
            f"{len(wavs)} recordings of {SHORTEST_S:g} to {LONGEST_S:g} s: speed at once over one at a time, median of {len(rounds)}",
            median(alone_s / together_s for alone_s, together_s in rounds), "", Goal(">=", 1.15),
            f"{alone} s one at a time", f"{together} s at once, {audio_s:.0f} s of speech",
        )
    ]  # fmt: skip


def _one_at_a_time_s(testbed: Testbed, wavs: list[bytes]) -> float:
    started_s, jobs = time.perf_counter(), []
    for wav in wavs:
        jobs.append(_send(testbed, wav))
        testbed.completed(jobs[-1])
    return _ended_s(testbed, started_s, jobs)


def _at_once_s(testbed: Testbed, wavs: list[bytes]) -> float:
    started_s = time.perf_counter()
    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as senders:
        jobs = list(senders.map(lambda wav: _send(testbed, wav), wavs))
    for job in jobs:
        testbed.completed(job)
    return _ended_s(testbed, started_s, jobs)


def _send(testbed: Testbed, wav: bytes) -> str:
    return testbed.send(wav, "short.wav", language="auto")


def _ended_s(testbed: Testbed, started_s: float, jobs: list[str]) -> float:
    seconds = time.perf_counter() - started_s
    for job in jobs:  # the same bytes are not transcribed twice
        testbed.remove(job)
    return seconds
