"""Kinds of files by their clocks: gaps, late starts, edit lists, changes in the middle, and recordings that were joined."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .makers import H264, MPEG2, PICTURE, Made, Maker, Workshop, both, clip, first, moved, second, wav

OPUS = ("-c:a", "libopus", "-ar", "48000")
AAC = ("-c:a", "aac", "-ar", "44100")


def gap(suffix: str, codec: Sequence[str], gap_s: float, shop: Workshop) -> Made:
    """The microphone was muted: nothing was written for so long."""
    one, other = shop.encode(first(), f"1.{suffix}", *codec), shop.encode(second(), f"2.{suffix}", *codec)
    at_s = first().duration_s + gap_s
    path = shop.after(one, other, at_s, f"a.{suffix}")
    return Made(path, first().words + moved(second().words, at_s), at_s + second().duration_s)


def two_gaps(shop: Workshop) -> Made:
    """Gaps in the middle of a sentence, too short for anything to notice that looks for pauses."""
    last = clip("window monday alpha last delta", "over is water july")
    parts = [shop.encode(each, f"{n}.mka", *OPUS) for n, each in enumerate((first(), second(), last))]
    at_s = first().duration_s + 0.7
    both_parts = shop.after(parts[0], parts[1], at_s, "12.mka")
    last_s = at_s + second().duration_s + 0.7
    words = first().words + moved(second().words, at_s) + moved(last.words, last_s)
    return Made(shop.after(both_parts, parts[2], last_s, "a.mka"), words, last_s + last.duration_s)


def late(suffix: str, options: Sequence[str], shop: Workshop) -> Made:
    """The sound begins 3 s after the picture."""
    path = shop.film(both(), f"a.{suffix}", *options[2:], picture=options[:2], late_s=3.0)
    return Made(path, moved(both().words, 3.0), 3.0 + both().duration_s)


def late_without_picture(shop: Workshop) -> Made:
    """An empty edit: the sound of this MP4 begins at 3 s, and nothing comes before."""
    source = shop.encode(both(), "plain.m4a", *AAC)
    path = shop.ffmpeg("-itsoffset", 3, "-i", source, "-c", "copy", "-avoid_negative_ts", "disabled", name="a.m4a")
    return Made(path, moved(both().words, 3.0), 3.0 + both().duration_s)


def cut_at_its_start(shop: Workshop) -> Made:
    """An editor has cut the beginning by an edit list: its samples are still there, and no player plays them."""
    source = shop.film(both(), "whole.mp4", *AAC)
    path = shop.ffmpeg("-ss", first().duration_s, "-i", source, "-c", "copy", name="a.mp4")
    return Made(path, second().words, second().duration_s)


def clock_far_from_zero(shop: Workshop) -> Made:
    """A camera that counts from its switching on."""
    path = shop.film(both(), "a.ts", "-c:a", "mp2", "-ar", "48000", "-output_ts_offset", "40000", picture=MPEG2)
    return shop.heard(path, both())


def webm_cut_from_a_stream(shop: Workshop) -> Made:
    """Its clock is that of the stream, and its stated length is the last timestamp."""
    return shop.heard(shop.encode(both(), "a.webm", *OPUS, "-output_ts_offset", "5000"), both())


def flac_cut_without_decoding(shop: Workshop) -> Made:
    """Its frames keep their numbers, and its header is that of the whole."""
    path = shop.ffmpeg("-ss", first().duration_s, "-i", shop.encode(both(), "whole.flac"), "-c", "copy", name="a.flac")
    return Made(path, second().words, second().duration_s)


def clock_that_wraps(shop: Workshop) -> Made:
    """The clock of a transport stream has 33 bits: after 26.5 hours it begins again."""
    offset_s = 2**33 / 90_000 - 8
    path = shop.film(
        both(), "a.ts", "-c:a", "mp2", "-ar", "48000", "-output_ts_offset", f"{offset_s:.3f}", picture=MPEG2
    )
    return shop.heard(path, both())


def changes_in_the_middle(name: str, one: Sequence[object], other: Sequence[object], shop: Workshop) -> Made:
    """Rate and channels change, and no header says so."""
    suffix = name.rpartition(".")[2]
    parts = shop.encode(first(), f"1.{suffix}", *one), shop.encode(second(), f"2.{suffix}", *other)
    return shop.heard(shop.joined(name, *parts), both())


def stereo_becomes_mono_in_ts(shop: Workshop) -> Made:
    """A broadcast: the same stream goes on with other channels."""
    one = shop.encode(first(), "1.ts", "-c:a", "mp2", "-ar", "48000", "-ac", "2")
    start = ("-output_ts_offset", first().duration_s)
    other = shop.encode(second(), "2.ts", "-c:a", "mp2", "-ar", "48000", "-ac", "1", *start)
    return shop.heard(shop.joined("a.ts", one, other), both())


def joined(suffix: str, options: Sequence[str], other: Sequence[str], recordings: int | None, shop: Workshop) -> Made:
    """Two whole files, one after the other in one file."""
    parts = shop.encode(first(), f"1.{suffix}", *options), shop.encode(second(), f"2.{suffix}", *other)
    facts: dict[str, Any] = {} if recordings is None else {"recordings": recordings}
    return shop.heard(shop.joined(f"a.{suffix}", *parts), both(), media=facts, are_known="8000" not in options)


def joined_films(shop: Workshop) -> Made:
    parts = [shop.film(each, f"{number}.mp4", *AAC) for number, each in enumerate((first(), second()))]
    return shop.heard(shop.joined("a.mp4", *parts), both(), media={"recordings": 2})


def three_joined(shop: Workshop) -> Made:
    parts = [
        shop.encode(each, f"{number}.mp3", "-ar", "44100") for number, each in enumerate((first(), second(), first()))
    ]
    return shop.heard(shop.joined("a.mp3", *parts), both() + first(), media={"recordings": 3})


def joined_with_other_rates(shop: Workshop) -> Made:
    one = shop.wav(first(), "1.wav")
    other = shop.encode(second(), "2.wav", "-ar", "44100", "-ac", "2", "-c:a", "pcm_s24le")
    return shop.heard(shop.joined("a.wav", one, other), both(), media={"recordings": 2})


def stream_that_was_resumed(shop: Workshop) -> Made:
    """A broadcaster lost its connection: the tags of FLV go on, and count from 0 again."""
    one, other = shop.encode(first(), "1.flv", "-ar", "44100"), shop.encode(second(), "2.flv", "-ar", "44100")
    return shop.heard(shop.write("a.flv", one.read_bytes() + other.read_bytes()[13:]), both())


def film_that_was_resumed(shop: Workshop) -> Made:
    """A transport stream whose clock jumps ahead for picture and sound at once: a new recording, no pause."""
    sound = ("-c:a", "mp2", "-ar", "48000")
    one = shop.film(first(), "1.ts", *sound, picture=MPEG2)
    other = shop.film(second(), "2.ts", *sound, "-output_ts_offset", "5000", picture=MPEG2)
    return shop.heard(shop.joined("a.ts", one, other), both())


def muted_in_a_film(suffix: str, picture: Sequence[str], shop: Workshop) -> Made:
    """The microphone is muted for 20 s while the video continues. This is a pause, not a loss."""
    at_s = first().duration_s + 20
    sounds = [
        shop.encode(each, f"{n}.mka", "-c:a", "mp2", "-ar", "48000") for n, each in enumerate((first(), second()))
    ]
    sound = shop.after(*sounds, at_s, "sound.mka")
    end_s = at_s + second().duration_s
    inputs = (*PICTURE, "-i", sound, "-map", "0:v", "-map", "1:a", "-t", end_s, *picture, "-c:a", "copy")
    return Made(shop.ffmpeg(*inputs, name=f"a.{suffix}"), first().words + moved(second().words, at_s), end_s)


def sound_ends_before_the_picture(shop: Workshop) -> Made:
    inputs = (*PICTURE, "-i", shop.wav(both()), "-map", "0:v", "-map", "1:a", "-t", both().duration_s + 10)
    path: Path = shop.ffmpeg(*inputs, "-c:v", "mpeg4", *AAC, name="a.mp4")
    return shop.heard(path, both())


def wav_inside_of_another_name(shop: Workshop) -> Made:
    """The suffix says MP3."""
    return shop.heard(shop.write("a.mp3", wav(both().samples)), both(), media={"container": "wav"})


PLAIN_MP3 = ("-write_xing", "0", "-id3v2_version", "0", "-b:a", "64k")
KINDS: Mapping[str, Maker] = {
    "gap_of_2_s_in_mka": functools.partial(gap, "mka", OPUS, 2),
    "gap_of_2_s_in_mp4": functools.partial(gap, "mp4", AAC, 2),
    "gap_of_2_s_in_webm": functools.partial(gap, "webm", OPUS, 2),
    "gap_of_2_s_in_flv": functools.partial(gap, "flv", AAC, 2),
    "gap_of_70_s_in_mka": functools.partial(gap, "mka", OPUS, 70),
    "gap_of_70_s_in_mp4": functools.partial(gap, "mp4", AAC, 70),
    "gap_of_70_s_in_webm": functools.partial(gap, "webm", OPUS, 70),
    "gap_of_11_min_in_mka": functools.partial(gap, "mka", OPUS, 660),
    "gap_of_11_min_in_mp4": functools.partial(gap, "mp4", AAC, 660),
    "gap_of_11_min_in_webm": functools.partial(gap, "webm", OPUS, 660),
    "gap_of_2_s_in_opus": functools.partial(gap, "opus", OPUS, 2),
    "gap_of_11_min_in_opus": functools.partial(gap, "opus", OPUS, 660),
    "muted_in_ts": functools.partial(muted_in_a_film, "ts", MPEG2),
    "muted_in_ts_with_h264": functools.partial(muted_in_a_film, "ts", H264),
    "muted_in_mpeg": functools.partial(muted_in_a_film, "mpg", MPEG2),
    "late_sound_in_mp4": functools.partial(late, "mp4", ("-c:v", "mpeg4", *AAC)),
    "late_sound_in_mkv": functools.partial(late, "mkv", ("-c:v", "mpeg4", *AAC)),
    "late_sound_beside_h264_in_mkv": functools.partial(late, "mkv", (*H264, *AAC)),
    "late_sound_beside_h264_in_mp4": functools.partial(late, "mp4", (*H264, *AAC)),
    "late_sound_beside_h264_in_ts": functools.partial(late, "ts", (*H264, "-c:a", "mp2", "-ar", "48000")),
    "late_sound_beside_h264_in_flv": functools.partial(late, "flv", (*H264, "-c:a", "libmp3lame", "-ar", "44100")),
    "late_sound_in_ts": functools.partial(late, "ts", ("-c:v", "mpeg2video", "-c:a", "mp2", "-ar", "48000")),
    "late_sound_in_flv": functools.partial(late, "flv", ("-c:v", "flv", "-c:a", "libmp3lame", "-ar", "44100")),
    "mp3_changes": functools.partial(
        changes_in_the_middle,
        "a.mp3",
        (*PLAIN_MP3, "-ar", "44100", "-ac", "2"),
        (*PLAIN_MP3, "-ar", "22050", "-ac", "1"),
    ),
    "aac_changes": functools.partial(changes_in_the_middle, "a.aac", ("-ar", "44100", "-ac", "2"), ("-ar", "22050")),
    "joined_wav": functools.partial(joined, "wav", (), (), 2),
    "joined_aiff": functools.partial(joined, "aiff", (), (), 2),
    "joined_au": functools.partial(joined, "au", (), (), 2),
    "joined_caf": functools.partial(joined, "caf", (), (), 2),
    "joined_wavpack": functools.partial(joined, "wv", (), (), 2),
    "joined_tta": functools.partial(joined, "tta", (), (), 2),
    "joined_voc": functools.partial(joined, "voc", ("-c:a", "pcm_s16le"), ("-c:a", "pcm_s16le"), 2),
    "joined_mp3": functools.partial(joined, "mp3", ("-ar", "44100"), ("-ar", "44100", "-write_id3v1", "1"), 2),
    "joined_mp4": functools.partial(joined, "mp4", AAC, AAC, 2),
    "joined_webm": functools.partial(joined, "webm", OPUS, OPUS, 2),
    "joined_mka": functools.partial(joined, "mka", OPUS, AAC, 2),
    "joined_flv": functools.partial(joined, "flv", ("-ar", "44100"), ("-ar", "44100"), 2),
    "joined_opus": functools.partial(joined, "opus", OPUS, OPUS, 2),
    "joined_vorbis_mono_and_stereo": functools.partial(
        joined, "ogg", ("-c:a", "libvorbis", "-ar", "44100"), ("-c:a", "libvorbis", "-ar", "48000", "-ac", "2"), 2
    ),
    "joined_opus_and_vorbis": functools.partial(joined, "ogg", OPUS, ("-c:a", "libvorbis", "-ar", "44100"), 2),
    "joined_flac": functools.partial(joined, "flac", (), ("-ar", "44100"), 2),
    "joined_amr": functools.partial(joined, "amr", ("-ar", "8000"), ("-ar", "8000"), 2),
    "joined_aac": functools.partial(joined, "aac", ("-ar", "44100"), ("-ar", "44100"), None),
    "joined_ts": functools.partial(
        joined, "ts", ("-c:a", "aac", "-ar", "44100"), ("-c:a", "aac", "-ar", "44100"), None
    ),
    "joined_wma": functools.partial(joined, "wma", ("-ar", "44100"), ("-ar", "44100"), 2),
    **{
        each.__name__: each
        for each in (
            two_gaps,
            late_without_picture,
            cut_at_its_start,
            clock_far_from_zero,
            webm_cut_from_a_stream,
            flac_cut_without_decoding,
            clock_that_wraps,
            stereo_becomes_mono_in_ts,
            joined_films,
            three_joined,
            joined_with_other_rates,
            stream_that_was_resumed,
            film_that_was_resumed,
            sound_ends_before_the_picture,
            wav_inside_of_another_name,
        )
    },
}
