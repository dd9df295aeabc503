"""A ten-second clip while a long recording is transcribed, against the same clips on the idle product."""

from __future__ import annotations

from itertools import cycle, islice

from . import clips, recordings
from .bed import Bed
from .clips import CLIP_S, Clips
from .row import Goal, Row, length
from .speech import RATE, Speech

LONG_SEED = 7
LONGEST_S = 20.0


def measure(bed: Bed, speech: Speech) -> list[Row]:
    found = islice(speech.clips(CLIP_S, LONGEST_S), bed.sizes.clips)
    sender = Clips(bed, cycle([recordings.wav(samples[: round(CLIP_S * RATE)]) for samples in found]))
    idle = [sender.send() for _ in range(bed.sizes.clips)]
    job = bed.send(recordings.wav(speech.varied(bed.sizes.beside_s, LONG_SEED)), "long.wav")
    bed.wait_for_stage(job, "transcribe", "running", "done")
    busy = clips.sent_while(sender, lambda: bed.done(job, "transcribe") < 1)
    bed.remove(job)
    name = f"{CLIP_S:g} s clip while {length(bed.sizes.beside_s)} of speech are transcribed, over idle"
    return [clips.row(name, idle, busy, Goal("<=", 2))]
