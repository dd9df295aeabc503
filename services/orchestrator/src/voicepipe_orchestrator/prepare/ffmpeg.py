"""The command line of ffmpeg, and the parser of its log.

ffmpeg gets the file as an open descriptor. The only protocol that it may use is `fd`, so a playlist, an external data
reference or a concat script cannot open anything. Only formats and codecs of recordings are allowed; video codecs are
not among them, so that not even probing a video stream runs a video decoder.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field

from voicepipe_orchestrator.domain import SAMPLE_RATE

FORMATS = (
    "wav,w64,aiff,caf,au,mp3,aac,ac3,eac3,dts,amr,amrnb,amrwb,flac,ogg,mov,mp4,m4a,3gp,3g2,matroska,webm,avi,flv,asf,"
    "mpeg,mpegts,wv,tta,ape,mpc,mpc8,gsm,voc,nistsphere,dss"
)
CODECS = (
    "aac,aac_latm,ac3,eac3,dca,alac,flac,mp1,mp1float,mp2,mp2float,mp3,mp3float,opus,libopus,vorbis,speex,gsm,gsm_ms,"
    "libopencore_amrnb,libopencore_amrwb,amrnb,amrwb,g722,g726,g726le,g729,g723_1,dss_sp,qcelp,qdm2,"
    "wmav1,wmav2,wmapro,wmavoice,wmalossless,wavpack,tta,ape,mpc7,mpc8,nellymoser,adpcm_ms,adpcm_ima_wav,"
    "adpcm_ima_qt,adpcm_swf,adpcm_yamaha,pcm_alaw,pcm_mulaw,pcm_u8,pcm_s8,pcm_s8_planar,pcm_s16le,pcm_s16be,"
    "pcm_s16le_planar,pcm_s16be_planar,pcm_u16le,pcm_u16be,pcm_s24le,pcm_s24be,pcm_s24le_planar,pcm_u24le,pcm_u24be,pcm_s32le,"
    "pcm_s32be,pcm_s32le_planar,pcm_u32le,pcm_u32be,pcm_s64le,pcm_s64be,pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be,pcm_bluray,"
    "pcm_dvd"
)
MAX_ALLOCATION_BYTES = 256 << 20
# A larger jump of the timestamps is a damaged timestamp, not a pause, and must not be filled with silence.
MAX_GAP_S = 600
RIFF = ("wav", "w64", "avi")
LINE_CHARS = 400
LAST_LINES = 40

_INPUT = re.compile(r"^\[info\] Input #0, (\S+), from 'fd:'")
_DURATION = re.compile(r"^\[info\]   Duration: (\d+):(\d\d):(\d\d\.\d+)")
_MAPPED = re.compile(r"^\[info\]   Stream #0:\d+ -> #0:0 \((\S+)")
_VIDEO = re.compile(r"^\[info\]   Stream #0:\d+.*: Video: ")
_DAMAGE = re.compile(
    r"Error submitting packet to decoder|Error while decoding|Invalid data found|Header missing|File ended prematurely"
    r"|partial file|Packet corrupt|CRC error|invalid sync code|decode_frame\(\) failed|Truncat"
)


def arguments(executable: str, descriptor: int) -> list[str]:
    """The command that writes the first audio stream of the open file `descriptor` to stdout as s16le, 16 kHz, mono.

    Gaps in the timestamps become silence, so a time in the result is the time that a player shows.
    """
    return [
        *(executable, "-hide_banner", "-nostdin", "-nostats", "-loglevel", "repeat+level+info"),
        *(
            "-max_alloc",
            str(MAX_ALLOCATION_BYTES),
            "-filter_threads",
            "1",
            "-dts_error_threshold",
            str(MAX_GAP_S),
        ),
        *("-protocol_whitelist", "fd", "-format_whitelist", FORMATS, "-codec_whitelist", CODECS, "-threads", "1"),
        *("-fd", str(descriptor), "-i", "fd:"),
        *("-map", "0:a:0", "-vn", "-sn", "-dn", "-map_metadata", "-1", "-map_chapters", "-1"),
        *("-af", f"aresample={SAMPLE_RATE}:async=1:first_pts=0", "-ac", "1", "-f", "s16le", "pipe:1"),
    ]


@dataclass(slots=True)
class FfmpegLog:
    """The facts read from ffmpeg's stderr so far, in bounded memory.

    It must not be logged: it contains the tags of the file.
    """

    is_cut: bool = False
    confinement: tuple[str, ...] = ()
    container: str = ""
    codec: str = ""
    duration_s: float | None = None
    is_estimate: bool = False
    has_video: bool = False
    damaged_packets: int = 0
    last: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))
    _rest: str = ""

    def feed(self, block: bytes) -> None:
        *lines, rest = (self._rest + block.decode("utf-8", "replace")).split("\n")
        self._rest = rest[:LINE_CHARS]
        for line in lines:
            self._line(line[:LINE_CHARS])

    def contains(self, *phrases: str) -> bool:
        return any(phrase in line for line in self.last for phrase in phrases)

    def _line(self, line: str) -> None:
        if line.startswith("confined: ") and not self.confinement:
            self.confinement = tuple(line.split()[1:])
        elif match := _INPUT.match(line):
            self.container = self.container or match[1].rstrip(",")
        elif match := _DURATION.match(line):
            hours, minutes, seconds = match.groups()
            # The last match counts: a tag that imitates this line is printed before it.
            self.duration_s = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        elif match := _MAPPED.match(line):
            self.codec = self.codec or match[1]
        elif _VIDEO.match(line):
            self.has_video = True
        elif "Estimating duration from bitrate" in line:
            self.is_estimate = True
        elif not line.startswith("[info]"):
            # The last packet of a RIFF file is "corrupt" whenever the stated length is unknown or wrong; nothing is
            # lost.
            is_about_riff = self.container in RIFF and "orrupt" in line
            self.damaged_packets += bool(_DAMAGE.search(line)) and not is_about_riff
            self.last.append(line)
