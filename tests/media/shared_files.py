"""The recordings of `shared/media`, after public reports of bugs in other systems. They lie beside the checkout, if they are there at all."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from .makers import Made, Maker, Word, Workshop

FOLDER: Final = Path(__file__).parents[3] / "shared" / "media"
NO_FILE: Final = "shared/media is not there"
# The facts and warnings of each; there may be no other warnings.
EXPECTED: Final[Mapping[str, tuple[Mapping[str, Any], tuple[str, ...]]]] = {
    "stereo_antiphase.wav": ({"channel_mode": "mix"}, ("channels_inverted",)),
    "three_channels.wav": ({"channels": 3, "channel_mode": "mix"}, ()),
    "call_two_at_once.wav": ({"channel_mode": "separate"}, ("channels_separated",)),
    "obs_first_track_silent.mp4": ({"track": 2}, ("several_tracks",)),
    "default_track_second.mkv": ({"track": 2}, ("several_tracks",)),
    "iphone_spatial_audio.mov": ({"track": 2, "container": "mov"}, ("several_tracks",)),
    "rate_changes.mp3": ({"container": "mp3"}, ()),
    "muted_11_min.mka": ({"container": "matroska"}, ()),
    "two_sessions.webm": ({"recordings": 2}, ()),
    "two_sessions.mp4": ({"recordings": 2}, ()),
    "chained_mono_stereo.ogg": ({"recordings": 2}, ()),
    "broadcast.ts": ({"container": "mpegts"}, ()),
    "wav_joined.wav": ({"recordings": 2}, ()),
    "wav_streamed_tts.wav": ({"stated_duration_s": None}, ()),
    "podcast_joined.mp3": ({"recordings": 2}, ()),
}


def shared(name: str, _: Workshop) -> Made:
    cases = {case["file"]: case for case in json.loads((FOLDER / "cases.json").read_text())}
    words = tuple(Word(*values) for values in cases[name]["words_at_s"])
    media, warnings = EXPECTED[name]
    speakers = len({word.channel for word in words}) if words[0].channel is not None else 0
    return Made(FOLDER / name, words, None, dict.fromkeys(warnings), media=media, speakers=speakers)


KINDS: Mapping[str, Maker] = {f"shared_{name.replace('.', '_')}": functools.partial(shared, name) for name in EXPECTED}
