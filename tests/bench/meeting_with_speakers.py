"""A meeting with speakers through the whole product, compared with its parts one after the other."""

from __future__ import annotations

import os

from . import recordings
from .process_watch import ProcessWatch
from .row import Row, length
from .speech import Speech
from .testbed import Testbed


def measure(testbed: Testbed, speech: Speech) -> list[Row]:
    """Measure the words alone, then the speakers of the same recording alone, then both at once."""
    seconds = testbed.sizes.meeting_s
    wav = recordings.wav(speech.conversation(seconds))
    words = testbed.completed(testbed.send(wav, "meeting.wav"))
    with ProcessWatch(testbed.pid("diarizer")) as diarizer:
        speakers_s = _speakers_s(testbed, words.id)
    testbed.remove(words.id)
    both = testbed.completed(testbed.send(wav, "meeting.wav", diarize="true"))
    alone = f"words alone {words.wall_s:.1f} s, speakers alone {speakers_s:.1f} s"
    parts = ", ".join(
        f"{stage} {both.took_s(stage):.1f} s" for stage in ("prepare", "transcribe", "diarize", "assemble")
    )
    testbed.remove(both.id)
    minutes = seconds / 60
    return [
        Row(
            f"a meeting of {length(seconds)} with speakers: wall time over its parts one after the other, {os.cpu_count()} cores",
            both.wall_s / (words.wall_s + speakers_s), "", None, alone, f"{both.wall_s:.1f} s: {parts}",
        ),
        Row(
            "the same: seconds per minute of the meeting", both.wall_s / minutes, "s", None,
            f"words alone {words.wall_s / minutes:.2f} s, speakers alone {speakers_s / minutes:.2f} s", "both use all cores",
        ),
        Row(
            f"peak memory of the diarizer, {length(seconds)}", diarizer.peak_bytes / 1e6, "MB", None,
            f"{diarizer.first_bytes / 1e6:.0f} MB before", "the samples, and the distances between all embeddings",
        ),
    ]  # fmt: skip


def _speakers_s(testbed: Testbed, job: str) -> float:
    """Seconds to diarize a recording that is already transcribed; decoding it again is not included."""
    testbed.client.post(f"/v1/transcriptions/{job}/diarization").raise_for_status()
    testbed.wait_for_stage(job, "diarize", "done")
    return testbed.completed(job).took_s("diarize")
