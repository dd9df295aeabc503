"""Files of users: valid, damaged and hostile ones, generated here and read by the real decoder."""

import asyncio
import contextlib
import os
import shutil
import signal
import struct
import subprocess
import wave
import zipfile
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import psutil
import pytest
from fixtures.media import external_reference
from support.eventually import eventually_async
from voicepipe_orchestrator.prepare.decode import DecoderHung, Wish, decode
from voicepipe_orchestrator.prepare.decoder_process import BLOCK_BYTES, DecodeLimits
from voicepipe_orchestrator.prepare.findings import warnings_of
from voicepipe_wire.error_catalogue import JOBS, WARNINGS
from voicepipe_wire.errors import Reject
from voicepipe_wire.watchdog import HUNG

RATE = 16_000
LENGTH_S = 6.0
TONE_S = (2.0, 2.5)  # the only sound in it


def ffmpeg(*arguments):
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)], check=True)


@pytest.fixture(scope="module")
def media(tmp_path_factory):
    """A folder with `tone.wav`: 6 s of faint noise with a tone of half a second in it."""
    folder = tmp_path_factory.mktemp("media")
    gate = f"between(t,{TONE_S[0]},{TONE_S[1]})"
    tone = f"aevalsrc='0.5*sin(2*PI*440*t)*{gate}+0.01*(random(0)-0.5)':s={RATE}:d={LENGTH_S}"
    ffmpeg("-f", "lavfi", "-i", tone, "-c:a", "pcm_s16le", folder / "tone.wav")
    return folder


async def decoded(path, limits=None):
    pcm = b""
    async with decode(path, Wish(), limits or DecodeLimits()) as decoding:
        async for block in decoding:
            assert len(block) <= BLOCK_BYTES
            pcm += block
    found = decoding.result.found
    assert found.stride * 2 == len(pcm)
    return np.frombuffer(pcm, "<i2")[: found.samples], decoding


def warned(decoding):
    return {warning.code for warning in warnings_of(decoding.result.found, speech_s=1.0)}


async def rejected(path, limits=None):
    with pytest.raises(Reject) as caught:
        await decoded(path, limits)
    assert caught.value.code in JOBS
    return caught.value.code


def cut(path, fraction):
    short = path.with_name(f"cut_{path.name}")
    short.write_bytes(path.read_bytes()[: int(path.stat().st_size * fraction)])
    return short


FORMATS = {
    "a.wav": [],
    "a24.wav": ["-c:a", "pcm_s24le", "-ar", "48000", "-ac", "2"],
    "float.wav": ["-c:a", "pcm_f32le", "-ar", "44100"],
    "phone.wav": ["-c:a", "pcm_mulaw", "-ar", "8000"],
    "a.mp3": ["-ar", "44100", "-b:a", "64k"],
    "a.m4a": ["-c:a", "aac"],
    "a.ogg": ["-c:a", "libopus"],
    "vorbis.ogg": ["-c:a", "libvorbis"],
    "a.webm": ["-c:a", "libopus"],
    "a.flac": [],
    "a.aac": [],
    "a.amr": ["-ar", "8000", "-c:a", "libopencore_amrnb"],
    "a.aiff": [],
    "a.caf": [],
    "a.wma": [],
    "a.ts": ["-c:a", "aac"],
}


@pytest.mark.parametrize("name", FORMATS)
async def test_every_supported_format_is_decoded_with_correct_times(media, name):
    ffmpeg("-i", media / "tone.wav", *FORMATS[name], media / name)
    pcm, decoding = await decoded(media / name)
    assert warned(decoding) == set()
    if name not in {"a.aac", "a.amr", "a.ogg", "vorbis.ogg", "a.ts"}:  # state no length
        assert decoding.hint_s == pytest.approx(LENGTH_S, abs=0.3)
    # bare AAC does not state the encoder's delay at its start
    assert len(pcm) / RATE == pytest.approx(LENGTH_S, abs=0.15)
    loud = np.flatnonzero(np.abs(pcm) > 3000) / RATE
    assert (loud[0], loud[-1]) == pytest.approx(TONE_S, abs=0.14 if name in {"a.aac", "a.ts"} else 0.04)


async def test_the_audio_of_a_video_is_decoded(media):
    video = media / "video.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x180:r=10:d=6", "-i", media / "tone.wav", "-c:v", "libx264", video)
    pcm, decoding = await decoded(video)
    assert len(pcm) / RATE == pytest.approx(LENGTH_S, abs=0.05)  # the last frame is full
    assert decoding.result.found.media.codec == "aac"


async def test_audio_that_starts_later_than_the_video_stays_in_sync(media):
    late = media / "late.mp4"
    pictures = ("-f", "lavfi", "-i", "testsrc2=s=64x64:r=10:d=8")
    ffmpeg(*pictures, "-itsoffset", "1.5", "-i", media / "tone.wav", "-c:v", "libx264", "-c:a", "aac", late)
    pcm, _ = await decoded(late)
    assert np.flatnonzero(np.abs(pcm) > 3000)[0] / RATE == pytest.approx(TONE_S[0] + 1.5, abs=0.05)


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.flac", "a.webm"])
async def test_a_truncated_file_is_decoded_with_a_warning(media, name):
    ffmpeg("-i", media / "tone.wav", *FORMATS[name], media / name)
    pcm, decoding = await decoded(cut(media / name, 0.6))
    assert "truncated_media" in warned(decoding)
    assert warned(decoding) <= set(WARNINGS)
    assert 1 < len(pcm) / RATE < LENGTH_S - 1


async def test_an_mp4_without_its_index_is_damaged(media):
    ffmpeg("-i", media / "tone.wav", media / "whole.m4a")
    assert await rejected(cut(media / "whole.m4a", 0.6)) == "damaged_media"


async def test_a_video_without_audio_is_rejected(media):
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x64:r=10:d=2", "-c:v", "libx264", media / "mute.mp4")
    assert await rejected(media / "mute.mp4") == "no_audio_stream"


async def test_a_codec_that_is_not_allowed_is_rejected(media):
    ffmpeg("-i", media / "tone.wav", "-c:a", "mlp", "-strict", "-2", media / "rare.mka")
    assert await rejected(media / "rare.mka") == "unsupported_media"


NO_AUDIO = {
    "empty.mp3": b"",
    "text.mp3": b"Dear colleagues,\nthis is not a recording.\n" * 400,
    "random.mp3": np.random.default_rng(1).bytes(100_000),
    "page.html": b"<!DOCTYPE html><html><body><audio src='a.mp3'></audio></body></html>",
    "paper.pdf": b"%PDF-1.7\n" + bytes(2000),
}


@pytest.mark.parametrize("name", NO_AUDIO)
async def test_a_file_that_is_not_a_recording_is_rejected(tmp_path, name):
    (tmp_path / name).write_bytes(NO_AUDIO[name])
    assert await rejected(tmp_path / name) == "not_audio"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
async def test_a_zip_is_rejected_even_if_it_contains_a_recording(media, tmp_path, method):
    ffmpeg("-i", media / "tone.wav", tmp_path / "inside.mp3")
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        archive.write(tmp_path / "inside.mp3")
    assert await rejected(tmp_path / "a.zip") == "not_audio"


async def test_an_image_is_rejected(media):
    ffmpeg("-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", "1", media / "picture.png")
    shutil.copy(media / "picture.png", media / "picture.mp3")
    assert await rejected(media / "picture.mp3") == "not_audio"


def playlists(secret, port):
    for target in (
        f"file://{secret}",
        str(secret),
        secret.name,
        f"http://127.0.0.1:{port}/a.wav",
        f"tcp://127.0.0.1:{port}",
    ):
        yield "m3u8", f"#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n{target}\n#EXT-X-ENDLIST\n"
        yield "m3u", f"#EXTM3U\n{target}\n"
        yield "pls", f"[playlist]\nFile1={target}\nNumberOfEntries=1\n"
        yield "ffconcat", f"ffconcat version 1.0\nfile '{target}'\n"
        yield "sdp", f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {port} RTP/AVP 0\n"
        yield (
            "mpd",
            (
                '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT6S">'
                '<Period><AdaptationSet mimeType="audio/mp4"><Representation id="1" bandwidth="1"><BaseURL>'
                f"{target}</BaseURL></Representation></AdaptationSet></Period></MPD>"
            ),
        )


async def test_a_playlist_opens_neither_files_nor_connections(media, listener):
    secret, port = media / "tone.wav", listener.getsockname()[1]
    for number, (kind, text) in enumerate(playlists(secret, port)):
        path = media / f"list{number}.{kind}"
        path.write_text(text)
        assert await rejected(path) == "not_audio", text
    with pytest.raises(TimeoutError):
        listener.accept()


@pytest.mark.parametrize("named", ["absolute", "relative"])
async def test_a_movie_cannot_reference_audio_in_another_file(media, tmp_path, named):
    secret = tmp_path / "secret.mov"
    ffmpeg("-f", "lavfi", "-i", "sine=440:r=16000:d=6", "-af", "volume=6", "-c:a", "pcm_s16le", secret)
    movie = external_reference(tmp_path / "movie.mov", str(secret) if named == "absolute" else secret.name)
    with contextlib.suppress(Reject):
        pcm, _ = await decoded(movie)
        assert np.abs(pcm).max(initial=0) < 100  # its own audio is silence, the referenced file has a tone


async def test_a_header_that_overstates_the_length_is_ignored(media):
    lie = bytearray((media / "tone.wav").read_bytes())
    at = lie.index(b"data") + 4
    lie[at : at + 4] = (0x7FFF_0000).to_bytes(4, "little")
    (media / "lie.wav").write_bytes(lie)
    pcm, _ = await decoded(media / "lie.wav")
    assert len(pcm) == LENGTH_S * RATE


async def test_a_wav_of_unknown_length_is_decoded_without_a_warning(media):
    wav = bytearray((media / "tone.wav").read_bytes())
    for at in (4, wav.index(b"data") + 4):
        wav[at : at + 4] = b"\xff\xff\xff\xff"
    (media / "piped.wav").write_bytes(wav)
    pcm, decoding = await decoded(media / "piped.wav")
    assert (len(pcm), warned(decoding)) == (LENGTH_S * RATE, set())


async def test_a_damaged_block_of_adpcm_costs_only_itself_and_is_said(media):
    ffmpeg("-i", media / "tone.wav", "-c:a", "adpcm_ms", media / "adpcm.wav")
    content = bytearray((media / "adpcm.wav").read_bytes())
    block = int.from_bytes(content[32:34], "little")
    content[content.index(b"data") + 8 + 20 * block] = 255  # an invalid predictor
    damaged = media / "damaged_adpcm.wav"
    damaged.write_bytes(content)
    pcm, decoding = await decoded(damaged)
    block_s = 2 * block / RATE
    assert decoding.result.found.lost_s == pytest.approx(block_s, rel=0.1)
    assert len(pcm) / RATE == pytest.approx(LENGTH_S, abs=0.2)
    assert "damaged_parts" in warned(decoding)


async def test_limits_of_length_apply_to_decoded_samples(media):
    ffmpeg("-i", media / "tone.wav", "-t", "0.2", media / "short.wav")
    assert await rejected(media / "short.wav") == "too_short"
    assert await rejected(media / "tone.wav", DecodeLimits(max_audio_s=LENGTH_S - 0.1)) == "too_long"
    await decoded(media / "tone.wav", DecodeLimits(max_audio_s=LENGTH_S))


async def test_exceeding_time_or_memory_limits_has_its_own_error_code(media):
    assert await rejected(media / "tone.wav", DecodeLimits(timeout_s=0.001)) == "decode_timeout"
    wide = media / "wide.wav"  # a second of it takes 6 MiB
    with wave.open(str(wide), "wb") as file:
        file.setparams((32, 2, 48_000, 0, "NONE", ""))
        file.writeframes(np.random.default_rng(1).bytes(3 * 32 * 2 * 48_000))
    assert await rejected(wide, DecodeLimits(memory_bytes=100 << 20)) == "decode_limit"


async def test_a_decoder_without_output_hangs_and_is_ended(media, tmp_path):
    long = tmp_path / "long.wav"
    ffmpeg("-stream_loop", "100", "-i", media / "tone.wav", "-c", "copy", long)
    before = HUNG.labels("prepare")._value.get()
    async with decode(long, Wish(), DecodeLimits(stall_timeout_s=10)) as decoding:
        blocks = aiter(decoding)
        assert len(await anext(blocks)) == BLOCK_BYTES
        os.kill(decoding._process.pid, signal.SIGSTOP)
        with pytest.raises(DecoderHung, match="no output for 10 s"):
            async for _ in blocks:
                pass
    assert decoding._process.returncode == -signal.SIGKILL
    assert HUNG.labels("prepare")._value.get() == before + 1


async def test_the_timeout_excludes_the_time_of_the_consumer(media):
    long = media / "long.wav"
    ffmpeg("-f", "lavfi", "-i", f"anullsrc=r={RATE}:cl=mono:d=40", "-c:a", "pcm_s16le", long)
    async with decode(long, Wish(), DecodeLimits(timeout_s=2)) as decoding:
        async for _ in decoding:
            await asyncio.sleep(0.3)
    assert decoding.result.found.samples == 40 * RATE


async def test_the_child_reports_the_measures_that_took_effect(media):
    _, decoding = await decoded(media / "tone.wav")
    assert {"limits", "no_new_privs"} <= set(decoding.result.confinement)
    assert ("user" in decoding.result.confinement) == (os.geteuid() == 0)


def children():
    return {child.pid for child in psutil.Process().children()}


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def endless(media):
    """Eighteen hours, so the decoder is still busy when it is left. A sparse file: it takes no room."""
    path = media / "endless.wav"
    size_bytes = 18 * 3600 * RATE * 2
    with path.open("wb") as file:
        file.write(b"RIFF" + (36 + size_bytes).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little"))
        file.write(struct.pack("<HHIIHH", 1, 1, RATE, RATE * 2, 2, 16) + b"data" + size_bytes.to_bytes(4, "little"))
        file.truncate(44 + size_bytes)
    return path


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to see descriptors")
@pytest.mark.parametrize("way", ["break", "error", "cancel", "too_long"])
async def test_leaving_early_leaks_no_child_and_no_descriptor(endless, way):
    before = children()

    async def consume(started):
        limits = DecodeLimits(max_audio_s=30) if way == "too_long" else DecodeLimits()
        async with decode(endless, Wish(), limits) as decoding:
            async for _ in decoding:
                started.set()
                if way == "break":
                    break
                if way == "error":
                    raise LookupError
                if way == "cancel":
                    await asyncio.sleep(60)

    async def leave_early():
        started = asyncio.Event()
        task = asyncio.create_task(consume(started))
        await asyncio.wait({task, asyncio.create_task(started.wait())}, return_when=asyncio.FIRST_COMPLETED)
        if way == "cancel":
            assert children() > before
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError, LookupError, Reject):
            await task
        assert children() <= before

    await leave_early()  # the first child of a process opens descriptors that stay
    open_before = descriptors()
    await leave_early()
    await eventually_async(lambda: descriptors() <= open_before, 5)


async def test_reading_the_result_early_raises_an_error(media):
    async with decode(media / "tone.wav", Wish(), DecodeLimits()) as decoding:
        with pytest.raises(RuntimeError, match="not been read to its end"):
            _ = decoding.result
