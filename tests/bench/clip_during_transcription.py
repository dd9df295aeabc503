"""The latency of a ten-second clip while a long recording is transcribed, compared with the idle product."""

from __future__ import annotations

from itertools import cycle, islice

from . import clips, recordings
from .clips import CLIP_S, ClipSender
from .row import Goal, Row, length
from .speech import RATE, Speech
from .testbed import Testbed

LONG_SEED = 7
LONGEST_S = 20.0


def measure(testbed: Testbed, speech: Speech) -> list[Row]:
    samples = islice(speech.clips(CLIP_S, LONGEST_S), testbed.sizes.clips)
    sender = ClipSender(testbed, cycle([recordings.wav(clip[: round(CLIP_S * RATE)]) for clip in samples]))
    idle = [sender.send() for _ in range(testbed.sizes.clips)]
    job = testbed.send(recordings.wav(speech.varied(testbed.sizes.during_clips_s, LONG_SEED)), "long.wav")
    testbed.wait_for_stage(job, "transcribe", "running", "done")
    busy = clips.sent_while(sender, lambda: testbed.progress(job, "transcribe") < 1)
    testbed.remove(job)
    name = f"{CLIP_S:g} s clip while {length(testbed.sizes.during_clips_s)} of speech are transcribed, over idle"
    return [clips.row(name, idle, busy, Goal("<=", 2))]
