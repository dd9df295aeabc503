"""Kinds of files by their channels and tracks: who is on which of them, and what the client asks for."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from .makers import RATE, Clip, Made, Maker, Samples, Word, Workshop, both, clip, first, quiet, rows, second, wav

FRONT_CENTRE: Final = 2
LFE: Final = 3
FIVE_ONE: Final = 0x3F
SEVEN_ONE: Final = 0x63F


def each_has_a_microphone(channels: int, shop: Workshop) -> Made:
    """Ten sentences' words, one after the other, each by another microphone; the file names no loudspeakers."""
    spoken = both()
    samples = rows(*[quiet(spoken.duration_s, level_db=-80)] * channels)
    ends = [*[word.start_s - 0.03 for word in spoken.words[1:]], spoken.duration_s]
    begin = 0
    for number, end_s in enumerate(ends):
        end = round(end_s * RATE)
        samples[number % channels, begin:end] = spoken.samples[begin:end]
        begin = end
    path = shop.write("a.wav", wav(samples))
    return shop.heard(path, spoken, media={"channels": channels, "channel_mode": "mix", "channel_reason": "several"})


def only_channel(place: int, channels: int, mask: int | None, shop: Workshop) -> Made:
    """One channel has the words, the others are silent."""
    spoken = rows(*[both() if number == place else None for number in range(channels)])
    return shop.heard(shop.write("a.wav", wav(spoken, mask=mask)), both(), media={"channels": channels})


def surround_in_m4a(shop: Workshop) -> Made:
    source = shop.write("source.wav", wav(rows(None, None, None, both(), None, None), mask=FIVE_ONE))
    # The LFE of AAC has only deep sounds: the words must be elsewhere.
    path = shop.ffmpeg("-i", source, "-af", "channelmap=0|1|3|2|4|5:5.1", "-c:a", "aac", name="a.m4a")
    return shop.heard(path, both(), media={"channels": 6})


def _pair(shop: Workshop, left: Samples, right: Samples, **more: object) -> Made:
    return shop.heard(shop.write("a.wav", wav(np.stack((left, right)))), both(), **more)


def two_of_six_inverted(shop: Workshop) -> Made:
    """A desk with two cables the wrong way round."""
    samples = rows(*[both()] * 6)
    samples[[1, 4]] *= -1
    path = shop.write("a.wav", wav(samples))
    return shop.heard(path, both(), warnings={"channels_inverted": None}, media={"inverted_channels": [2, 5]})


def stereo_alike(shop: Workshop) -> Made:
    samples = both().samples
    return _pair(shop, samples, samples // 2, media={"channel_mode": "mix", "channel_reason": "related"})


def inverted(shop: Workshop) -> Made:
    samples = both().samples
    return _pair(shop, samples, -samples, warnings={"channels_inverted": None}, media={"channel_mode": "mix"})


def inverted_and_quieter(shop: Workshop) -> Made:
    samples = both().samples
    quieter = (samples * -0.7).astype(np.int16)
    return _pair(shop, samples, quieter, warnings={"channels_inverted": None}, media={"channel_mode": "mix"})


def inverted_in_mp3(shop: Workshop) -> Made:
    samples = both().samples
    source = shop.write("source.wav", wav(np.stack((samples, -samples))))
    path = shop.ffmpeg("-i", source, "-ar", "44100", "-b:a", "128k", name="a.mp3")
    return shop.heard(path, both(), warnings={"channels_inverted": None}, media={"channel_mode": "mix"})


def delayed_by_3_ms(shop: Workshop) -> Made:
    samples = both().samples
    return _pair(shop, samples, np.roll(samples, round(0.003 * RATE)), media={"channel_mode": "mix"})


ASKING: Final = clip("morning question victor august they", "third monday river we delta")
ANSWERING: Final = clip("north hotel saturday charlie engine", "finish table seven evening water", voice="robert")


def _call(shop: Workshop, second_at_s: float, leak: float = 0, mode: str = "separate", **options: str) -> Made:
    """Each party is on a channel of its own. The second one begins at `second_at_s`."""
    later = Clip(
        np.concatenate((quiet(second_at_s).samples, ANSWERING.samples)) if second_at_s else ANSWERING.samples, ()
    )
    samples = rows(ASKING, later).astype(np.float32)
    samples[0, len(ASKING.samples) :] = quiet(samples.shape[1] / RATE).samples[len(ASKING.samples) :]
    mixed = (samples + leak * samples[::-1]).clip(-32768, 32767).astype(np.int16)
    words = (
        *(replace(word, channel=0) for word in ASKING.words),
        *(Word(word.start_s + second_at_s, word.text, 1) for word in ANSWERING.words),
    )
    reason = "requested" if options.get("channels", "auto") != "auto" else "independent"
    return Made(
        shop.write("call.wav", wav(mixed)),
        tuple(sorted(words, key=lambda word: word.start_s)),
        samples.shape[1] / RATE,
        warnings={"channels_separated": None} if reason == "independent" else {},
        options=options,
        media={"channel_mode": mode, "channel_reason": reason, "channels": 2},
        speakers=2 if mode == "separate" else 0,
    )


def call_in_turns(shop: Workshop) -> Made:
    return _call(shop, ASKING.duration_s)


def call_at_once(shop: Workshop) -> Made:
    return _call(shop, 0.2)


def call_with_leaks(shop: Workshop) -> Made:
    return _call(shop, ASKING.duration_s, leak=0.06)


def call_that_says_auto(shop: Workshop) -> Made:
    return _call(shop, 3.0, channels="auto")


def call_that_says_separate(shop: Workshop) -> Made:
    return _call(shop, 0.2, channels="separate")


def call_that_says_mix(shop: Workshop) -> Made:
    return _call(shop, ASKING.duration_s, mode="mix", channels="mix")


def three_that_say_separate(shop: Workshop) -> Made:
    parts = (first(), second(), clip("window monday alpha last seven", voice="robert"))
    words = [replace(word, channel=number) for number, part in enumerate(parts) for word in part.words]
    spoken = rows(*parts)
    return Made(
        shop.write("a.wav", wav(spoken)),
        tuple(sorted(words, key=lambda word: word.start_s)),
        spoken.shape[1] / RATE,
        options={"channels": "separate"},
        media={"channel_mode": "separate", "channel_reason": "requested", "channels": 3},
        speakers=3,
    )


def _tracks(shop: Workshop, name: str, *options: object, count: int = 2) -> Made:
    """The first track has other words than the second; a third one is silent."""
    inputs: list[object] = []
    for number, part in enumerate((second(), first(), quiet(7))[:count]):
        inputs += ["-i", shop.wav(part, f"{number}.wav")]
    maps = [argument for number in range(count) for argument in ("-map", f"{number}:a")]
    return Made(shop.ffmpeg(*inputs, *maps, *options, name=name), first().words, 7.0, warnings={"several_tracks": None})


def second_track_is_the_default(shop: Workshop) -> Made:
    made = _tracks(shop, "a.mkv", "-c:a", "libopus", "-disposition:a:0", "0", "-disposition:a:1", "default")
    return replace(made, duration_s=first().duration_s, media={"track": 2})


def a_track_is_asked_for(shop: Workshop) -> Made:
    made = _tracks(shop, "a.mp4", "-c:a", "aac", count=3)
    return replace(made, duration_s=first().duration_s, options={"track": "2"}, media={"track": 2})


def no_such_track(shop: Workshop) -> Made:
    return replace(_tracks(shop, "a.mka", "-c:a", "libopus"), options={"track": "9"}, error="track_missing")


def first_track_is_silent(shop: Workshop) -> Made:
    silent = ("-f", "lavfi", "-i", "anullsrc=r=48000:cl=stereo")
    spoken = ("-i", shop.wav(both()), "-t", both().duration_s)
    maps = ("-map", "0:v", "-map", "1:a", "-map", "2:a", *H264_AAC)
    path = shop.ffmpeg("-f", "lavfi", "-i", "testsrc=size=160x90:rate=10", *silent, *spoken, *maps, name="a.mp4")
    return shop.heard(path, both(), warnings={"several_tracks": None}, media={"track": 2})


H264_AAC: Final = ("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-ar", "48000")


def first_track_is_undecodable(shop: Workshop) -> Made:
    inputs = ("-i", shop.wav(second(), "1.wav"), "-i", shop.wav(both(), "2.wav"), "-map", "0:a", "-map", "1:a")
    path = shop.ffmpeg(*inputs, "-c:a:0", "truehd", "-ar:a:0", "48000", "-strict", "-2", "-c:a:1", "ac3", name="a.mkv")
    return shop.heard(path, both(), warnings={"several_tracks": None}, media={"track": 2})


def all_tracks_are_silent(shop: Workshop) -> Made:
    inputs = ("-i", shop.wav(quiet(5), "1.wav"), "-i", shop.wav(quiet(5), "2.wav"), "-map", "0:a", "-map", "1:a")
    path = shop.ffmpeg(*inputs, "-c:a", "libopus", name="a.mka")
    return Made(path, (), 5.0, warnings={"several_tracks": None, "no_speech": (5.0, 0.2)})


def silence(shop: Workshop) -> Made:
    return Made(shop.wav(Clip(np.zeros(6 * RATE, np.int16), ())), (), 6.0, warnings={"no_speech": (6.0, 0.1)})


def silence_in_opus(shop: Workshop) -> Made:
    return Made(shop.encode(quiet(6), "a.opus"), (), 6.0, warnings={"no_speech": (6.0, 0.1)})


KINDS: Mapping[str, Maker] = {
    **{f"{count}_microphones": functools.partial(each_has_a_microphone, count) for count in (3, 4, 6, 8, 12, 32)},
    "only_the_centre_of_5_1": functools.partial(only_channel, FRONT_CENTRE, 6, FIVE_ONE),
    "only_the_lfe_of_5_1": functools.partial(only_channel, LFE, 6, FIVE_ONE),
    "only_the_last_of_7_1": functools.partial(only_channel, 7, 8, SEVEN_ONE),
    "only_the_right": functools.partial(only_channel, 1, 2, None),
    "only_the_last_of_32": functools.partial(only_channel, 31, 32, None),
    **{
        each.__name__: each
        for each in (
            surround_in_m4a,
            two_of_six_inverted,
            stereo_alike,
            inverted,
            inverted_and_quieter,
            inverted_in_mp3,
            delayed_by_3_ms,
            call_in_turns,
            call_at_once,
            call_with_leaks,
            call_that_says_auto,
            call_that_says_separate,
            call_that_says_mix,
            three_that_say_separate,
            second_track_is_the_default,
            a_track_is_asked_for,
            no_such_track,
            first_track_is_silent,
            first_track_is_undecodable,
            all_tracks_are_silent,
            silence,
            silence_in_opus,
        )
    },
}
