"""Property test: whatever the container, codec, rate, layout, start and gaps, every piece of sound is heard where a player plays it."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from voicepipe_orchestrator.prepare.decode import DecodeLimits, Wish, decode

from media.makers import Clip, Workshop
from media.markers import APART_S, LIKE, place, sound

MOVED_S: Final = 0.05

TIMED_CODECS: Final = {
    "mka": ("libopus", "flac", "pcm_s16le", "aac", "libvorbis", "libmp3lame", "ac3"),
    "webm": ("libopus", "libvorbis"),
    "mp4": ("aac", "alac", "libopus", "libmp3lame"),
    "mov": ("aac",),
    "ts": ("aac", "mp2", "ac3"),
    "flv": ("aac", "libmp3lame"),
}
OTHER_CODECS: Final = {
    "wav": ("pcm_s16le", "pcm_f32le", "pcm_u8", "adpcm_ima_wav"),
    "w64": ("pcm_s24le",),
    "aiff": ("pcm_s16be",),
    "caf": ("alac", "pcm_s16be"),
    "mp3": ("libmp3lame",),
    "flac": ("flac",),
    "ogg": ("libvorbis", "libopus", "flac"),
    "avi": ("pcm_s16le", "libmp3lame"),
    "wma": ("wmav2",),
    "mov": ("pcm_s16le", "alac"),  # ffmpeg cannot write gaps into it
}
WITH_PICTURE: Final = {"mka": "mkv", "mp4": "mp4", "mov": "mov", "ts": "ts", "flv": "flv"}
# FFmpeg orders the pictures of H.264 by decoding them, which the product does not.
PIXELS: Final = {"mjpeg": "yuvj420p"}
PICTURES: Final = {
    "mka": ("mpeg4", "libx264", "mjpeg", "libvpx"),
    "mp4": ("mpeg4", "libx264"),
    "mov": ("mpeg4", "libx264", "mjpeg"),
    "ts": ("mpeg2video", "mpeg4", "libx264"),
    "flv": ("flv", "libx264"),
}
RATES: Final = {
    "libopus": (48_000, 16_000),
    "libmp3lame": (16_000, 22_050, 44_100),
    "mp2": (32_000, 44_100, 48_000),
    "ac3": (32_000, 44_100, 48_000),
    "wmav2": (22_050, 44_100),
    "aac": (16_000, 32_000, 44_100, 48_000),
}
ANY_RATE: Final = (8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000)
SURROUND: Final = frozenset({"flac", "pcm_s16le", "pcm_f32le", "pcm_s24le", "aac", "ac3", "libopus", "libvorbis"})
# Their files do not state how much an encoder puts before the first sample.
UNSTATED_DELAY_S: Final = {"ts": 0.05, "flv": 0.05, "avi": 0.06}


@dataclass(frozen=True, slots=True)
class Scene:
    """Pieces of sound with gaps before them, in seconds. The first one is the start of the sound; it needs a picture that begins earlier."""

    suffix: str
    codec: str
    rate: int
    channels: int
    pieces_s: tuple[float, ...]
    gaps_s: tuple[float, ...]
    picture: str | None

    @property
    def starts_s(self) -> list[float]:
        """Of the markers, as a player shows them."""
        starts, at_s = [], 0.0
        for piece_s, gap_s in zip(self.pieces_s, self.gaps_s, strict=True):
            starts.append(at_s + gap_s + APART_S)
            at_s += gap_s + piece_s
        return starts


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    timed = draw(st.booleans())
    codecs = TIMED_CODECS if timed else OTHER_CODECS
    suffix = draw(st.sampled_from(sorted(codecs)))
    codec = draw(st.sampled_from(codecs[suffix]))
    rate = draw(st.sampled_from(RATES.get(codec, ANY_RATE)))
    assume(suffix != "flv" or rate in {22_050, 44_100})
    channels = draw(st.sampled_from((1, 2, 6) if codec in SURROUND and suffix not in {"flv", "caf"} else (1, 2)))
    pieces = draw(st.lists(st.floats(0.9, 2.5), min_size=1, max_size=3))
    gaps = [0.0] * len(pieces)
    picture = draw(st.none() | st.sampled_from(PICTURES[suffix])) if timed and suffix in PICTURES else None
    if timed:
        gap = st.one_of(st.just(0.0), st.floats(0.1, 4.0), st.floats(60.0, 90.0))
        gaps = [draw(st.floats(0.1, 3.0)) if picture else 0.0, *(draw(gap) for _ in pieces[1:])]
    return Scene(suffix, codec, rate, channels, tuple(pieces), tuple(gaps), picture)


def made(scene: Scene, folder: Path) -> Path:
    shop = Workshop(folder)
    source = shop.wav(Clip(sound(scene.pieces_s), ()))
    ends_s = [scene.gaps_s[0] + sum(scene.pieces_s[: number + 1]) for number in range(len(scene.pieces_s))]
    moves = [f"gte(T,{end_s:.6f})*{gap_s:.6f}" for end_s, gap_s in zip(ends_s, scene.gaps_s[1:], strict=False)]
    filters = ["-af", f"asetpts='PTS+({'+'.join(moves)})/TB'"] if moves else []
    codec = ("-c:a", scene.codec, "-ar", scene.rate, "-ac", scene.channels, *filters)
    if scene.picture is None:
        return shop.ffmpeg("-i", source, *codec, name=f"a.{scene.suffix}")
    end_s = sum(scene.pieces_s) + sum(scene.gaps_s)
    picture = ("-f", "lavfi", "-i", f"color=s=64x48:r=10:d={end_s:.3f}", "-itsoffset", scene.gaps_s[0], "-i", source)
    maps = (
        "-map",
        "0:v",
        "-map",
        "1:a",
        "-c:v",
        scene.picture,
        "-pix_fmt",
        PIXELS.get(scene.picture, "yuv420p"),
        *codec,
    )
    return shop.ffmpeg(*picture, *maps, name=f"a.{WITH_PICTURE[scene.suffix]}")


async def heard(path: Path) -> npt.NDArray[np.float64]:
    pcm = b""
    async with decode(path, Wish(channels="mix"), DecodeLimits()) as decoding:
        async for block in decoding:
            pcm += block
    return np.frombuffer(pcm, "<i2").astype(np.float64)


@pytest.mark.timeout(400)
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(scenes())
def test_no_piece_is_lost_and_none_is_moved_by_more_than_50_ms(scene: Scene):
    with tempfile.TemporaryDirectory() as folder:
        pcm = asyncio.run(heard(made(scene, Path(folder))))
    found = [place(pcm, number) for number in range(len(scene.pieces_s))]
    delay_s = UNSTATED_DELAY_S.get(scene.suffix, 0.0)
    for (at_s, likeness), start_s in zip(found, scene.starts_s, strict=True):
        assert likeness >= LIKE, f"a piece is lost: {found}, not {scene.starts_s}"
        assert -MOVED_S <= at_s - start_s <= MOVED_S + delay_s, f"{found}, not {scene.starts_s}"
