"""The traces of the scenarios, drawn at random but the same every time."""

from __future__ import annotations

import math
import random

from .trace import Recording

HOUR_S = 3600.0


def clips() -> list[Recording]:
    """200 clips of 10 to 60 s within a minute."""
    draw = random.Random(1)
    return [_recording(draw.uniform(0, 60), draw.uniform(10, 60), "standard", "transcribe") for _ in range(200)]


def recording() -> list[Recording]:
    """One recording of 3 h, transcribed and diarized, and a premium clip about every 45 s while it is."""
    draw = random.Random(2)
    long = [_recording(5, 3 * HOUR_S, "standard", pool) for pool in ("transcribe", "diarize")]
    return long + [
        _recording(30 + 45 * number + draw.uniform(0, 20), draw.uniform(10, 60), "premium", "transcribe")
        for number in range(12)
    ]


def day() -> list[Recording]:
    """A day: few recordings at night, most at eleven and at three; one in six is a premium clip, half of the others have speakers."""
    draw = random.Random(3)
    found: list[Recording] = []
    at_s = 0.0
    while True:
        at_s += draw.expovariate(_per_hour(at_s) / HOUR_S)
        if at_s >= 24 * HOUR_S:
            return found
        premium = draw.random() < 1 / 6
        audio_s = draw.uniform(10, 120) if premium else min(math.exp(draw.gauss(6.2, 1.0)), 2 * HOUR_S)
        found.append(_recording(at_s, audio_s, "premium" if premium else "standard", "transcribe"))
        if not premium and draw.random() < 1 / 2:
            found.append(_recording(at_s, audio_s, "standard", "diarize"))


def cold() -> list[Recording]:
    """Twelve recordings of half an hour within ten minutes, to a pool that sleeps; an hour later one more."""
    draw = random.Random(4)
    first = [_recording(draw.uniform(10, 600), draw.uniform(1500, 2100), "standard", "transcribe") for _ in range(12)]
    return [*first, _recording(4500, 1800, "standard", "transcribe")]


def _per_hour(at_s: float) -> float:
    hour = at_s / HOUR_S
    return 1.0 + 40 * (math.exp(-((hour - 11) ** 2) / 3) + math.exp(-((hour - 15) ** 2) / 3))


def _recording(at_s: float, audio_s: float, priority: str, pool: str) -> Recording:
    return Recording(round(at_s, 1), round(audio_s, 1), priority, pool)
