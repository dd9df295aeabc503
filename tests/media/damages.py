"""Damages files: bits, lengths, order, ends, archives and playlists. The same seed gives the same files."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from .makers import H264, PICTURE, Clip, Workshop
from .markers import sound

PIECES_S: Final = (1.0, 1.0, 1.0)
FILM: Final = (*PICTURE[:3], "testsrc=size=64x48:rate=10")
# Name of the file: the options of ffmpeg.
BASES: Final[Mapping[str, Sequence[str]]] = {
    "a.wav": (),
    "adpcm.wav": ("-c:a", "adpcm_ms"),
    "large.wav": ("-rf64", "always"),
    "a.w64": (),
    "a.aiff": (),
    "a.au": (),
    "a.caf": (),
    "alac.caf": ("-c:a", "alac"),
    "a.mp3": ("-ar", "44100"),
    "a.aac": ("-ar", "44100"),
    "a.flac": (),
    "a.ogg": ("-c:a", "libvorbis"),
    "a.opus": ("-c:a", "libopus"),
    "a.amr": ("-ar", "8000"),
    "a.m4a": ("-ar", "44100"),
    "first.m4a": ("-movflags", "faststart"),
    "parts.mp4": ("-movflags", "frag_keyframe+empty_moov", "-frag_duration", "500000"),
    "a.mka": ("-c:a", "libopus"),
    "a.webm": ("-c:a", "libvorbis"),
    "a.ts": ("-c:a", "aac"),
    "a.flv": ("-ar", "44100"),
    "a.avi": ("-c:a", "pcm_s16le"),
    "a.wma": ("-ar", "44100"),
    "a.wv": (),
}
STATING: Final = frozenset(
    {"a.wav", "adpcm.wav", "large.wav", "a.w64", "a.aiff", "a.au", "a.mp3", "a.flac", "a.mka", "a.avi", "a.wma"}
)


@dataclass(frozen=True, slots=True)
class Damaged:
    name: str
    base: str
    kind: str
    content: bytes


Damage = Callable[[np.random.Generator, bytes], bytes]


def flipped(rng: np.random.Generator, content: bytes) -> bytes:
    """Up to 100 bits; of every second file only in its header."""
    changed = bytearray(content)
    reach = min(len(content), 400) if rng.random() < 0.5 else len(content)
    for place in rng.integers(0, reach, int(rng.integers(1, 100))):
        changed[place] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def cut(rng: np.random.Generator, content: bytes) -> bytes:
    return content[: round(len(content) * rng.uniform(0.02, 0.98))]


def beheaded(rng: np.random.Generator, content: bytes) -> bytes:
    return content[round(len(content) * rng.uniform(0.001, 0.5)) :]


def zeroed(rng: np.random.Generator, content: bytes) -> bytes:
    begin, end = _range(rng, content)
    return content[:begin] + bytes(end - begin) + content[end:]


def removed(rng: np.random.Generator, content: bytes) -> bytes:
    begin, end = _range(rng, content)
    return content[:begin] + content[end:]


def repeated(rng: np.random.Generator, content: bytes) -> bytes:
    begin, end = _range(rng, content)
    return content[:end] + content[begin:]


def swapped(rng: np.random.Generator, content: bytes) -> bytes:
    """Two blocks of one size change places."""
    size = int(rng.integers(16, max(17, len(content) // 4)))
    one, other = sorted(rng.integers(0, len(content) - size, 2).tolist())
    other = max(other, one + size)
    block, second = content[one : one + size], content[other : other + size]
    return content[:one] + second + content[one + size : other] + block + content[other + size :]


def resized(rng: np.random.Generator, content: bytes) -> bytes:
    """Some fields of four bytes in the header say something else."""
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 6))):
        value = int(rng.choice([0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, int(rng.integers(1 << 32))]))
        place = int(rng.integers(4, min(len(content), 600) - 4))
        struct.pack_into(">I" if rng.random() < 0.5 else "<I", changed, place, value)
    return bytes(changed)


def archive_behind(_: np.random.Generator, content: bytes) -> bytes:
    """A recording that is an archive too: those are read from their end."""
    return content + zipped(content)


def noise_between(rng: np.random.Generator, content: bytes) -> bytes:
    return content + rng.bytes(int(rng.integers(100, 50_000))) + content


DAMAGES: Final[Mapping[str, Damage]] = {
    each.__name__: each
    for each in (flipped, cut, beheaded, zeroed, removed, repeated, swapped, resized, archive_behind, noise_between)
}


def _range(rng: np.random.Generator, content: bytes) -> tuple[int, int]:
    """A part of at most a fifth of the file."""
    begin = int(rng.integers(0, len(content)))
    return begin, min(len(content), begin + int(rng.integers(1, len(content) // 5)))


def zipped(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("inside.mp3", content)
    return packed.getvalue()


def bases(folder: Path) -> dict[str, bytes]:
    """The files before they are damaged."""
    shop = Workshop(folder)
    spoken = Clip(sound(PIECES_S), ())
    made = {name: shop.encode(spoken, name, *options) for name, options in BASES.items()}
    inputs = (*FILM, "-i", shop.wav(spoken), "-map", "0:v", "-map", "1:a", "-t", sum(PIECES_S))
    made["film.mp4"] = shop.ffmpeg(*inputs, *H264, "-c:a", "aac", name="film.mp4")
    return {name: path.read_bytes() for name, path in made.items()}


def damaged(whole: Mapping[str, bytes], seed: int, count: int) -> Iterator[Damaged]:
    """`count` files; each kind of damage and each base come up equally often."""
    names, kinds = sorted(whole), sorted(DAMAGES)
    for number in range(count):
        base, kind = names[number % len(names)], kinds[number // len(names) % len(kinds)]
        rng = np.random.default_rng((seed, number))
        yield Damaged(f"{number}_{kind}_{base}", base, kind, DAMAGES[kind](rng, whole[base]))


def tricks(whole: Mapping[str, bytes], secret: Path, port: int) -> Iterator[Damaged]:
    """Archives, and lists that name a secret file or a port, some of them behind the first bytes of a recording."""
    yield Damaged("a.zip", "a.mp3", "trick", zipped(whole["a.mp3"]))
    heads = {
        "plain": b"",
        "id3": b"ID3\x04\0\0\0\0\0\0",
        "wav": whole["a.wav"][:44],
        "mp3": whole["a.mp3"][:2000],
        "bom": b"\xef\xbb\xbf",
    }
    for target in (
        f"file://{secret}",
        str(secret),
        secret.name,
        f"http://127.0.0.1:{port}/a.wav",
        f"tcp://127.0.0.1:{port}",
    ):
        lists = {
            "m3u8": f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n{target}\n#EXT-X-ENDLIST\n",
            "ffconcat": f"ffconcat version 1.0\nfile '{target}'\n",
            "subfile": f"ffconcat version 1.0\nfile 'subfile,,start,0,end,0,,:{target}'\n",
            "mpd": f"<?xml version='1.0'?><MPD><Period><AdaptationSet><Representation><BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>",
            "sdp": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {port} RTP/AVP 0\n",
            "asx": f"<asx version='3.0'><entry><ref href='{target}'/></entry></asx>",
        }
        for head_name, head in heads.items():
            for name, text in lists.items():
                yield Damaged(f"{head_name}.{name}", "", "trick", head + text.encode())
