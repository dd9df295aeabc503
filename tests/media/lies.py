"""Kinds of files that are not what their headers say: wrong lengths, cut ends and damage in the middle."""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from .makers import RATE, Made, Maker, Workshop, both, chunk, form, moved, overwritten, wav

HEADER_BYTES: Final = 44  # of `makers.wav`
SAMPLES: Final = 2 * len(both().samples)


def stated_length(size_bytes: int, shop: Workshop) -> Made:
    """The chunk of samples states another length than it has."""
    content = overwritten(wav(both().samples), HEADER_BYTES - 4, struct.pack("<I", size_bytes))
    return shop.heard(shop.write("a.wav", content), both())


def longer_than_4_gib(shop: Workshop) -> Made:
    """Both lengths are modulo 4 GiB, as in a recording of 4 GiB and half of this one."""
    content = overwritten(wav(both().samples), HEADER_BYTES - 4, struct.pack("<I", SAMPLES // 2))
    return shop.heard(shop.write("a.wav", overwritten(content, 4, struct.pack("<I", SAMPLES // 2 + 36))), both())


def rf64_of_wrong_length(stated: int, shop: Workshop) -> Made:
    large = chunk(b"ds64", struct.pack("<QQQI", stated + 72, stated, stated // 2, 0))
    body = b"WAVE" + large + form() + b"data\xff\xff\xff\xff" + both().samples.tobytes()
    return shop.heard(shop.write("a.wav", b"RF64\xff\xff\xff\xff" + body), both())


def states(name: str, field: bytes, skipped: int, layout: str, value: float, shop: Workshop) -> Made:
    """The length in another kind of file: `skipped` bytes after `field`. A `value` below 1 is a share of the true one."""
    content = shop.encode(both(), f"whole_{name}").read_bytes()
    at = content.index(field) + skipped
    stated = int(value) if value >= 1 or not value else int(value * struct.unpack_from(layout, content, at)[0])
    return shop.heard(shop.write(name, overwritten(content, at, struct.pack(layout, stated))), both())


def joined_w64(shop: Workshop) -> Made:
    whole = shop.encode(both(), "whole.w64").read_bytes()
    made = shop.heard(shop.write("a.w64", whole + whole), both())
    later = moved(both().words, both().duration_s)
    return replace(made, words=(*made.words, *later), duration_s=2 * both().duration_s, media={"recordings": 2})


def mp3_behind_a_wav(shop: Workshop) -> Made:
    other = shop.encode(both(), "b.mp3", "-ar", "44100")
    made = shop.heard(shop.joined("a.wav", shop.wav(both()), other), both())
    words = (*made.words, *moved(both().words, both().duration_s))
    return replace(made, words=words, duration_s=2 * both().duration_s, media={"recordings": 2})


def chunks_of_odd_sizes(shop: Workshop) -> Made:
    """With the byte of padding that the format wants."""
    body = chunk(b"note", b"odd") + form() + chunk(b"LIST", b"INFOICMT\x05\0\0\0four\0") + chunk(b"junk", b"x")
    body += chunk(b"data", both().samples.tobytes())
    return shop.heard(shop.write("a.wav", b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body), both())


def notes_after_the_samples(shop: Workshop) -> Made:
    """A recorder that writes titles and an ID3 tag at the end. Its samples have an odd number of bytes in all."""
    samples = both().samples.tobytes()
    tail = (
        chunk(b"LIST", b"INFOINAM\x06\0\0\0title\0")
        + chunk(b"id3 ", b"ID3\x03\0\0\0\0\0\x0a" + bytes(11))
        + chunk(b"JUNK", bytes(3001))
    )
    body = form() + chunk(b"data", samples) + tail
    return shop.heard(shop.write("a.wav", b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body), both())


def zeros_after_the_end(name: str, options: Sequence[object], shop: Workshop) -> Made:
    """A card that was copied sector by sector."""
    content = shop.encode(both(), f"whole_{name}", *options).read_bytes()
    return shop.heard(shop.write(name, content + bytes(60_000)), both(), are_known="8000" not in options)


def mp3_that_states(share: float, shop: Workshop) -> Made:
    """The number of frames is that of another recording, the number of bytes is right."""
    content = shop.encode(both(), "whole.mp3", "-ar", "44100").read_bytes()
    at = max(content.find(b"Xing"), content.find(b"Info")) + 8
    frames = struct.unpack(">I", content[at : at + 4])[0]
    return shop.heard(shop.write("a.mp3", overwritten(content, at, struct.pack(">I", round(frames * share)))), both())


def avi_from_a_pipe(shop: Workshop) -> Made:
    """The writer could not go back to fill in lengths."""
    path = shop.ffmpeg("-i", shop.wav(both()), "-c:a", "pcm_s16le", "-f", "avi", "-seekable", "0", name="a.avi")
    return shop.heard(path, both())


def cut_file(name: str, options: Sequence[object], is_stated: bool, shop: Workshop) -> Made:
    """The last 40 % of the bytes are missing."""
    content = shop.encode(both(), f"whole_{name}", *options).read_bytes()
    content = content[: round(0.6 * len(content))]
    reached_s, missing_s = 0.6 * both().duration_s, 0.4 * both().duration_s
    return Made(
        shop.write(name, content),
        tuple(word for word in both().words if word.start_s < reached_s - 1.2),
        None,
        lost=tuple(word for word in both().words if word.start_s >= reached_s - 1.2),
        warnings={"truncated_media": (missing_s, 1.2)} if is_stated else {},
        are_known="8000" not in options,
        allowed=() if is_stated else ("damaged_parts",),
    )


def mp4_without_its_index(shop: Workshop) -> Made:
    content = shop.encode(both(), "whole.m4a").read_bytes()
    return Made(shop.write("a.m4a", content[: round(0.6 * len(content))]), (), None, error="damaged_media")


Damage = Callable[[bytes], bytes]


def zeroed(content: bytes) -> bytes:
    return overwritten(content, round(0.5 * len(content)), bytes(ZEROS))


def without_packets(content: bytes) -> bytes:
    """Transport packets of 188 bytes did not arrive."""
    packets = len(content) // 188
    return content[: packets // 2 * 188] + content[round(packets * 0.6) * 188 :]


def without_pages(content: bytes) -> bytes:
    """Two pages of an Ogg file are gone."""
    pages = content.split(b"OggS")
    middle = len(pages) // 2
    return b"OggS".join(pages[:middle] + pages[middle + 2 :])


def without_a_cluster(content: bytes) -> bytes:
    """A cluster of Matroska is zeros."""
    clusters = content.split(b"\x1f\x43\xb6\x75")
    middle = len(clusters) // 2
    before = b"\x1f\x43\xb6\x75".join(clusters[:middle])
    return overwritten(content, len(before), bytes(4 + len(clusters[middle])))


def damaged(name: str, options: Sequence[object], damage: Damage, lost_s: float | None, shop: Workshop) -> Made:
    """What lies between 5 and 9 s may be lost; the words around it are where they were.

    `lost_s` is what must be missing, None if it is the share of the bytes.
    """
    content = shop.encode(both(), f"whole_{name}", *options).read_bytes()
    words = both().words
    lost_s = lost_s or ZEROS / len(content) * both().duration_s
    return Made(
        shop.write(name, damage(content)),
        tuple(word for word in words if not DAMAGED_S[0] <= word.start_s <= DAMAGED_S[1]),
        both().duration_s,
        lost=tuple(word for word in words if DAMAGED_S[0] <= word.start_s <= DAMAGED_S[1]),
        warnings={"damaged_parts": (lost_s, max(0.3, lost_s / 2))},
    )


DAMAGED_S: Final = (5.0, 9.0)
ZEROS: Final = 8192
OPUS: Final = ("-c:a", "libopus")
CBR: Final = ("-ar", "44100", "-b:a", "64k")
CUTS: Mapping[str, tuple[str, Sequence[object], bool]] = {
    "cut_wav": ("a.wav", (), True),
    "cut_aiff": ("a.aiff", (), True),
    "cut_au": ("a.au", (), True),
    "cut_w64": ("a.w64", (), True),
    "cut_mp4": ("a.mp4", ("-movflags", "faststart"), True),
    "cut_mka": ("a.mka", OPUS, True),
    "cut_webm": ("a.webm", OPUS, True),
    "cut_flac": ("a.flac", (), True),
    "cut_mp3": ("a.mp3", CBR, True),
    "cut_caf": ("a.caf", (), True),
    "cut_wma": ("a.wma", CBR, True),
    "cut_flv": ("a.flv", CBR, True),
    "cut_avi": ("a.avi", ("-c:a", "pcm_s16le"), True),
    # Nothing in these files says how long they were.
    "cut_ogg": ("a.opus", OPUS, False),
    "cut_aac": ("a.aac", CBR, False),
    "cut_amr": ("a.amr", ("-ar", "8000"), False),
    "cut_ts": ("a.ts", ("-c:a", "aac"), False),
}
DAMAGES: Mapping[str, tuple[str, Sequence[object], Damage, float | None]] = {
    "zeros_in_mp3": ("a.mp3", CBR, zeroed, None),
    "zeros_in_aac": ("a.aac", ("-ar", "44100", "-b:a", "64k"), zeroed, None),
    "zeros_in_flac": ("a.flac", (), zeroed, None),
    "zeros_in_mp4": ("a.mp4", ("-ar", "44100", "-b:a", "64k"), zeroed, None),
    "lost_packets_of_ts": ("a.ts", ("-c:a", "mp2", *CBR), without_packets, 1.4),
    "lost_pages_of_opus": ("a.opus", OPUS, without_pages, 2.0),
    "lost_pages_of_vorbis": ("a.ogg", ("-c:a", "libvorbis", "-page_duration", "500000"), without_pages, 1.0),
    "lost_cluster_of_mka": ("a.mka", (*OPUS, "-cluster_time_limit", "1000"), without_a_cluster, 1.0),
    "lost_cluster_of_webm": ("a.webm", (*OPUS, "-cluster_time_limit", "1500"), without_a_cluster, 1.5),
}
LENGTHS: Mapping[str, int] = {
    "0": 0,
    "minus_1": 0xFFFF_FFFF,
    "2_gib": 0x7FFF_FFFF,
    "minus_36": 0xFFFF_FFFF - 36,
    "half": SAMPLES // 2,
    "a_second": 2 * RATE,
    "odd": SAMPLES // 2 + 1,
    "8_more": SAMPLES + 8,
    "its_header_too": SAMPLES + HEADER_BYTES,
}
ZEROS_AFTER: Mapping[str, tuple[str, Sequence[object]]] = {
    "wav": ("a.wav", ()),
    "mp3": ("a.mp3", ("-ar", "44100", "-b:a", "64k")),
    "mp3_without_header": ("b.mp3", ("-ar", "44100", "-b:a", "64k", "-write_xing", "0", "-id3v2_version", "0")),
    "aac": ("a.aac", ("-ar", "44100")),
    "amr": ("a.amr", ("-ar", "8000")),
    "flac": ("a.flac", ()),
    "opus": ("a.opus", OPUS),
    "m4a": ("a.m4a", ()),
    "ts": ("a.ts", ("-c:a", "aac")),
}
# The field before the length, the bytes from its start, and how the length is written.
PLACES: Mapping[str, tuple[str, bytes, int, str, int]] = {
    "w64": ("a.w64", b"data", 16, "<Q", (1 << 63) - 1),
    "aiff": ("a.aiff", b"SSND", 4, ">I", 0xFFFF_FFFF),
    "au": ("a.au", b".snd", 8, ">I", 0xFFFF_FFFF),
    "caf": ("a.caf", b"data", 4, ">Q", (1 << 64) - 1),
}
KINDS: Mapping[str, Maker] = {
    **{
        f"{suffix}_states_{what}": functools.partial(states, name, field, skipped, layout, value)
        for suffix, (name, field, skipped, layout, unknown) in PLACES.items()
        for what, value in (("0", 0), ("unknown", unknown), ("half", 0.5))
    },
    **{f"wav_states_{name}": functools.partial(stated_length, size) for name, size in LENGTHS.items()},
    **{f"zeros_after_{suffix}": functools.partial(zeros_after_the_end, *of) for suffix, of in ZEROS_AFTER.items()},
    "rf64_states_0": functools.partial(rf64_of_wrong_length, 0),
    "rf64_states_minus_1": functools.partial(rf64_of_wrong_length, 0xFFFF_FFFF_FFFF_FFFF >> 1),
    "rf64_states_half": functools.partial(rf64_of_wrong_length, SAMPLES // 2),
    "mp3_states_half": functools.partial(mp3_that_states, 0.5),
    "mp3_states_double": functools.partial(mp3_that_states, 2),
    **{name: functools.partial(cut_file, *values) for name, values in CUTS.items()},
    **{name: functools.partial(damaged, *values) for name, values in DAMAGES.items()},
    **{
        each.__name__: each
        for each in (
            longer_than_4_gib,
            joined_w64,
            mp3_behind_a_wav,
            chunks_of_odd_sizes,
            notes_after_the_samples,
            avi_from_a_pipe,
            mp4_without_its_index,
        )
    },
}
