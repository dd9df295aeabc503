"""What FFmpeg may open and decode, and what its formats can be believed.

Only formats and codecs of recordings are allowed; video codecs are not among them, so that not even probing a video stream runs a video decoder. No
protocol is allowed: FFmpeg reads through a file object, and a playlist, an external data reference or a concat script cannot open anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FORMATS: Final = (
    "wav,w64,aiff,caf,au,mp3,aac,ac3,eac3,dts,amr,amrnb,amrwb,flac,ogg,mov,mp4,m4a,3gp,3g2,matroska,webm,avi,flv,asf,"
    "mpeg,mpegts,wv,tta,ape,mpc,mpc8,gsm,voc,nistsphere,dss"
)
CODECS: Final = (
    "aac,aac_latm,ac3,eac3,dca,alac,flac,mp1,mp1float,mp2,mp2float,mp3,mp3float,opus,libopus,vorbis,speex,libspeex,gsm,gsm_ms,"
    "libopencore_amrnb,libopencore_amrwb,amrnb,amrwb,g722,g726,g726le,g729,g723_1,dss_sp,qcelp,qdm2,"
    "wmav1,wmav2,wmapro,wmavoice,wmalossless,wavpack,tta,ape,mpc7,mpc8,nellymoser,adpcm_ms,adpcm_ima_wav,"
    "adpcm_ima_qt,adpcm_swf,adpcm_yamaha,pcm_alaw,pcm_mulaw,pcm_u8,pcm_s8,pcm_s8_planar,pcm_s16le,pcm_s16be,"
    "pcm_s16le_planar,pcm_s16be_planar,pcm_u16le,pcm_u16be,pcm_s24le,pcm_s24be,pcm_s24le_planar,pcm_u24le,pcm_u24be,pcm_s32le,"
    "pcm_s32be,pcm_s32le_planar,pcm_u32le,pcm_u32be,pcm_s64le,pcm_s64be,pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be,pcm_bluray,"
    "pcm_dvd"
)
OPTIONS: Final[Mapping[str, str]] = {
    "format_whitelist": FORMATS,
    "codec_whitelist": CODECS,
    "protocol_whitelist": "none",
    "ignore_length": "1",  # of WAV: see `chunked`
}
# For uncompressed WAV. Large packets halve the time of decoding; with a codec, an error would cost all blocks of a packet. FFmpeg searches the
# first 5 s of samples for DTS, which takes 25 ms. Two packets are enough: they hold 60 frames of DTS.
PLAIN_WAV: Final[Mapping[str, str]] = {"max_size": "65536", "max_probe_packets": "2"}
_CODECS: Final = frozenset(CODECS.split(","))

# Formats whose frames have timestamps of their own. All others have no gaps: their times are counted.
TIMED: Final = frozenset({"mov", "matroska", "ogg", "flv", "asf", "mpeg", "mpegts", "flac"})
# Their clocks may start anywhere and jump: a jump is a pause only if another track goes on meanwhile.
FREE_CLOCKS: Final = frozenset({"mpeg", "mpegts"})
# A gap in their timestamps is lost data: their frames are numbered. In Ogg the page numbers tell whether a gap is a loss or a pause: see `ogg`.
GAPLESS: Final = frozenset({"flac"})
# Their timestamps are numbers of samples; a part of a recording keeps them, so the first one may be any.
NUMBERED: Final = frozenset({"flac"})
# Their headers state a length. The length of all others is counted or estimated by FFmpeg.
STATING: Final = frozenset({"mov", "matroska", "flv", "asf", "flac", "caf", "au", "w64", "wv", "tta", "ape"})
# It counts from 0 also where the first timestamp is another one: in parts of a stream, or of a recording.
STATING_THEIR_END: Final = frozenset({"matroska", "flac"})
# A file that begins so is a recording, whatever else is wrong with it.
MAGIC: Final = (
    b"RIFF",
    b"RF64",
    b"FORM",
    b"OggS",
    b"fLaC",
    b"\x1a\x45\xdf\xa3",
    b"FLV",
    b"#!AMR",
    b"caff",
    b"\x30\x26\xb2\x75",
)
MP4_BOXES: Final = (b"ftyp", b"moov", b"mdat")


def family(format_name: str) -> str:
    """The format, by the first of FFmpeg's names for it."""
    return format_name.partition(",")[0]


def container_name(format_name: str, head: bytes) -> str:
    """The name that people use."""
    name = family(format_name)
    if head.startswith(b"riff"):  # it was given to FFmpeg as a WAV
        return "w64"
    if name == "mov":
        return "mov" if head[8:10] == b"qt" else "mp4"
    if name == "matroska":
        return "webm" if b"webm" in head else "matroska"
    return name


def is_allowed(codec: str) -> bool:
    return codec in _CODECS


def is_recording(head: bytes) -> bool:
    """Whether the first bytes are those of a format that is allowed."""
    return head.startswith(MAGIC) or head[4:8] in MP4_BOXES
