"""Kinds of files: every container and codec that people send, and how writers finish them."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

from .makers import H264, MPEG2, Made, Maker, Workshop, both, chunk, form, wav

# Name: suffix, container and codec as the status shows them, options of ffmpeg.
SOUNDS: Mapping[str, tuple[str, str, str, Sequence[str]]] = {
    "wav_s16_mono": ("wav", "wav", "pcm_s16le", ()),
    "wav_s24_stereo_48k": ("wav", "wav", "pcm_s24le", ("-c:a", "pcm_s24le", "-ar", "48000", "-ac", "2")),
    "wav_s32": ("wav", "wav", "pcm_s32le", ("-c:a", "pcm_s32le", "-ar", "96000")),
    "wav_u8": ("wav", "wav", "pcm_u8", ("-c:a", "pcm_u8", "-ar", "22050")),
    "wav_float": ("wav", "wav", "pcm_f32le", ("-c:a", "pcm_f32le", "-ar", "44100")),
    "wav_double": ("wav", "wav", "pcm_f64le", ("-c:a", "pcm_f64le")),
    "wav_mu_law": ("wav", "wav", "pcm_mulaw", ("-c:a", "pcm_mulaw", "-ar", "8000")),
    "wav_a_law": ("wav", "wav", "pcm_alaw", ("-c:a", "pcm_alaw", "-ar", "8000")),
    "wav_ms_adpcm": ("wav", "wav", "adpcm_ms", ("-c:a", "adpcm_ms")),
    "wav_ima_adpcm": ("wav", "wav", "adpcm_ima_wav", ("-c:a", "adpcm_ima_wav")),
    "wav_g726": ("wav", "wav", "g726", ("-c:a", "g726", "-ar", "8000")),
    "wav_mp3": ("wav", "wav", "mp3float", ("-c:a", "libmp3lame")),
    "rf64": ("wav", "wav", "pcm_s16le", ("-rf64", "always")),
    "w64": ("w64", "w64", "pcm_s16le", ()),
    "aiff": ("aiff", "aiff", "pcm_s16be", ("-ar", "44100", "-ac", "2")),
    "aiff_s24": ("aiff", "aiff", "pcm_s24be", ("-c:a", "pcm_s24be")),
    "au_mu_law": ("au", "au", "pcm_mulaw", ("-c:a", "pcm_mulaw", "-ar", "8000")),
    "caf": ("caf", "caf", "pcm_s16be", ()),
    "caf_alac": ("caf", "caf", "alac", ("-c:a", "alac")),
    "mp3": ("mp3", "mp3", "mp3float", ("-ar", "44100", "-b:a", "64k")),
    "mp3_16k_vbr": ("mp3", "mp3", "mp3float", ("-q:a", "5")),
    "mp3_without_header": ("mp3", "mp3", "mp3float", ("-write_xing", "0", "-id3v2_version", "0")),
    "mp2": ("mp2", "mp3", "mp2", ("-ar", "44100")),
    "aac_adts": ("aac", "aac", "aac", ("-ar", "44100")),
    "ac3": ("ac3", "ac3", "ac3", ("-ar", "48000")),
    "eac3": ("eac3", "eac3", "eac3", ("-ar", "48000")),
    "amr": ("amr", "amr", "amrnb", ("-ar", "8000", "-c:a", "libopencore_amrnb")),
    "flac": ("flac", "flac", "flac", ()),
    "flac_in_ogg": ("oga", "ogg", "flac", ("-c:a", "flac")),
    "vorbis": ("ogg", "ogg", "vorbis", ("-c:a", "libvorbis", "-ar", "44100")),
    "opus": ("opus", "ogg", "opus", ("-c:a", "libopus")),
    "wma": ("wma", "asf", "wmav2", ("-ar", "44100")),
    "wma_1": ("wma", "asf", "wmav1", ("-ar", "44100", "-c:a", "wmav1")),
    "wavpack": ("wv", "wv", "wavpack", ()),
    "tta": ("tta", "tta", "tta", ()),
    "voc": ("voc", "voc", "pcm_s16le", ("-c:a", "pcm_s16le")),
    "m4a": ("m4a", "mp4", "aac", ("-ar", "44100")),
    "m4a_alac": ("m4a", "mp4", "alac", ("-c:a", "alac")),
    "m4a_fragmented": ("m4a", "mp4", "aac", ("-movflags", "frag_keyframe+empty_moov", "-frag_duration", "1000000")),
    "m4a_index_first": ("m4a", "mp4", "aac", ("-movflags", "faststart")),
    "mp4_opus": ("mp4", "mp4", "opus", ("-c:a", "libopus")),
    "3gp_amr": ("3gp", "mp4", "amrnb", ("-ar", "8000", "-c:a", "libopencore_amrnb")),
    "mov_pcm": ("mov", "mov", "pcm_s16le", ("-c:a", "pcm_s16le")),
    "mka_opus": ("mka", "matroska", "opus", ("-c:a", "libopus")),
    "mka_flac": ("mka", "matroska", "flac", ("-c:a", "flac")),
    "mka_pcm": ("mka", "matroska", "pcm_s16le", ("-c:a", "pcm_s16le")),
    "webm_opus": ("webm", "webm", "opus", ("-c:a", "libopus")),
    "webm_vorbis": ("webm", "webm", "vorbis", ("-c:a", "libvorbis", "-ar", "44100")),
    "webm_live": ("webm", "webm", "opus", ("-c:a", "libopus", "-live", "1")),
    "ts_aac": ("ts", "mpegts", "aac", ("-c:a", "aac", "-ar", "44100")),
    "ts_ac3": ("ts", "mpegts", "ac3", ("-c:a", "ac3", "-ar", "48000")),
    "flv_nellymoser": ("flv", "flv", "nellymoser", ("-c:a", "nellymoser", "-ar", "16000")),
}
# The model of the fixtures knows no telephone, and no noise of few bits.
POOR = frozenset(
    {"wav_u8", "wav_mu_law", "wav_a_law", "wav_g726", "wav_mp3", "au_mu_law", "amr", "3gp_amr", "mp3_without_header"}
)

FILMS: Mapping[str, tuple[str, str, str, Sequence[str]]] = {
    "mp4_film": ("mp4", "mp4", "aac", H264),
    "mov_film": ("mov", "mov", "aac", H264),
    "mkv_film": ("mkv", "matroska", "ac3", (*H264, "-c:a", "ac3", "-ar", "48000")),
    "ts_film": ("ts", "mpegts", "mp2", (*MPEG2, "-c:a", "mp2", "-ar", "48000")),
    "mpeg_film": ("mpg", "mpeg", "mp2", (*MPEG2, "-c:a", "mp2", "-ar", "48000")),
    "flv_film": ("flv", "flv", "mp3float", ("-c:v", "flv", "-c:a", "libmp3lame", "-ar", "44100")),
    "avi_film": ("avi", "avi", "mp3float", ("-c:v", "mpeg4", "-c:a", "libmp3lame", "-ar", "44100")),
    "avi_pcm_film": ("avi", "avi", "pcm_s16le", ("-c:v", "mpeg4", "-c:a", "pcm_s16le")),
    "wmv_film": ("wmv", "asf", "wmav2", ("-c:v", "wmv2", "-c:a", "wmav2", "-ar", "44100")),
}


def _sound(name: str, suffix: str, container: str, codec: str, options: Sequence[str], shop: Workshop) -> Made:
    path = shop.encode(both(), f"a.{suffix}", *options)
    facts = {"container": container, "codec": codec, "channel_mode": "mix"}
    return shop.heard(path, both(), media=facts, are_known=name not in POOR)


def _film(suffix: str, container: str, codec: str, options: Sequence[str], shop: Workshop) -> Made:
    path = shop.film(both(), f"a.{suffix}", picture=options)
    return shop.heard(path, both(), media={"container": container, "codec": codec, "channels": 1})


def cover_in_mp3(shop: Workshop) -> Made:
    return _with_cover(shop, "a.mp3", "-ar", "44100", "-c:a", "libmp3lame", "-id3v2_version", "3")


def cover_in_m4a(shop: Workshop) -> Made:
    return _with_cover(shop, "a.m4a", "-c:a", "aac")


def cover_in_flac(shop: Workshop) -> Made:
    return _with_cover(shop, "a.flac", "-c:a", "flac")


def _with_cover(shop: Workshop, name: str, *options: str) -> Made:
    picture = shop.ffmpeg("-f", "lavfi", "-i", "testsrc=size=300x300", "-frames:v", "1", name="cover.jpg")
    inputs = ("-i", shop.wav(both()), "-i", picture, "-map", "0:a", "-map", "1:v", "-c:v", "copy")
    return shop.heard(shop.ffmpeg(*inputs, "-disposition:v", "attached_pic", *options, name=name), both())


def tags_before_aac(shop: Workshop) -> Made:
    """An ID3 tag is no sign of MP3."""
    plain = shop.encode(both(), "a.aac", "-ar", "44100")
    tag = b"ID3\x04\0\0\0\0\0\x20" + b"TIT2\0\0\0\x06\0\0\0Title" + bytes(16)
    return shop.heard(shop.write("tagged.aac", tag + plain.read_bytes()), both(), media={"codec": "aac"})


def wav_without_a_suffix(shop: Workshop) -> Made:
    return shop.heard(shop.write("recording", wav(both().samples)), both(), media={"container": "wav"})


def wav_with_a_long_header(shop: Workshop) -> Made:
    """Broadcast WAV: 100 KB of notes before the samples."""
    notes = chunk(b"bext", b"A note".ljust(100_001, b"\0")) + chunk(b"JUNK", bytes(28)) + form()
    body = notes + chunk(b"data", both().samples.tobytes())
    return shop.heard(shop.write("a.wav", b"RIFF" + (4 + len(body)).to_bytes(4, "little") + b"WAVE" + body), both())


def dts_as_samples(shop: Workshop) -> Made:
    """As on a CD with surround sound: the header says 16-bit samples, and they are DTS."""
    options = ("-ar", "44100", "-ac", "2", "-c:a", "dca", "-strict", "-2", "-b:a", "1411200")
    frames = shop.encode(both(), "a.dts", *options).read_bytes()
    header = form(channels=2, rate=44_100)
    body = header + chunk(b"data", frames)
    path = shop.write("a.wav", b"RIFF" + (4 + len(body)).to_bytes(4, "little") + b"WAVE" + body)
    return shop.heard(path, both(), media={"container": "wav", "codec": "dca"})


KINDS: Mapping[str, Maker] = {
    **{name: functools.partial(_sound, name, *values) for name, values in SOUNDS.items()},
    **{name: functools.partial(_film, *values) for name, values in FILMS.items()},
    **{
        each.__name__: each
        for each in (
            cover_in_mp3,
            cover_in_m4a,
            cover_in_flac,
            tags_before_aac,
            wav_without_a_suffix,
            wav_with_a_long_header,
            dts_as_samples,
        )
    },
}
