"""The recordings that are sent: meetings with known words, and large bodies."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

import numpy as np
import soundfile as sf

from tests.fixtures import meeting

VOICES = ("linda", "robert", "steph")
BLOCK_BYTES = 1 << 20
STUDIO_RATE, STUDIO_CHANNELS = 48_000, 2
STUDIO_BYTES_PER_S = STUDIO_RATE * STUDIO_CHANNELS * 2


def meeting_samples(seconds: float, seed: int) -> meeting.Samples:
    """16 kHz mono.

    Every seed gives another recording, because the pipeline does not transcribe the same bytes twice.
    """
    return meeting.compose(seconds, VOICES, seed).samples


def meeting_wav(seconds: float, seed: int) -> bytes:
    return wav(meeting_samples(seconds, seed))


def wav(samples: meeting.Samples) -> bytes:
    out = io.BytesIO()
    sf.write(out, samples, meeting.RATE, subtype="PCM_16", format="WAV")
    return out.getvalue()


def studio_meeting(seconds: float, seed: int) -> Iterator[bytes]:
    """A WAV file of a meeting, 48 kHz stereo: 192 kB per second, generated while it is sent."""
    yield _header(round(seconds) * STUDIO_BYTES_PER_S)
    factor = STUDIO_RATE // meeting.RATE * STUDIO_CHANNELS
    for samples, _ in meeting.turns(round(seconds), VOICES, seed):
        raw = memoryview(np.repeat(samples, factor).tobytes())
        for start in range(0, len(raw), BLOCK_BYTES):
            yield bytes(raw[start : start + BLOCK_BYTES])


def studio_meeting_bytes(seconds: float) -> int:
    return 44 + round(seconds) * STUDIO_BYTES_PER_S


def noise_wav(size_bytes: int, seed: int) -> Iterator[bytes]:
    """A WAV header and noise, `size_bytes` in total. One block is repeated, so that generating it costs nothing."""
    header = _header(size_bytes - 44)
    block = np.random.default_rng(seed).bytes(BLOCK_BYTES)
    yield header
    left = size_bytes - len(header)
    while left:
        part = block[:left]
        yield part
        left -= len(part)


def _header(data_bytes: int) -> bytes:
    block_align = STUDIO_CHANNELS * 2
    form = struct.pack("<HHIIHH", 1, STUDIO_CHANNELS, STUDIO_RATE, STUDIO_RATE * block_align, block_align, 16)
    return b"".join(
        (b"RIFF", struct.pack("<I", 36 + data_bytes), b"WAVEfmt ", struct.pack("<I", len(form)), form, b"data")
    ) + struct.pack("<I", data_bytes)
