"""The bytes of a recording decide what it is; its declared type is a hint."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicepipe_upload.media_type import UNKNOWN_TYPE, confirmed_type, declared_type
from voicepipe_wire.errors import Problem

WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(30)
M4A = b"\x00\x00\x00\x20ftypM4A " + bytes(30)
MP4 = b"\x00\x00\x00\x20ftypisom" + bytes(30)
MP3 = b"\xff\xfb\x90\x64" + bytes(30)
WEBM = b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm" + bytes(30)
TS = (b"\x47" + bytes(187)) * 2
UNSEEN = b"\x01\x02\x03\x04" + bytes(30)


@pytest.mark.parametrize(
    ("declared", "name", "kept"),
    [
        ("Audio/WAV; codecs=1", "x", "audio/wav"),
        ('audio/mp4;codecs="mp4a.40.2, x"; rate=44100;;', "x", "audio/mp4"),
        ("video/mp4", "x", "video/mp4"),
        ("image/png", "x.wav", "image/png"),
        (None, "x.MP3", "audio/mpeg"),
        ("", "x.unknown", UNKNOWN_TYPE),
        *((each, "x.flac", "audio/flac") for each in ("audio/*", "video/*", "*/*", "*", "audio/", "wav", "null", ",")),
        *((each, "x", UNKNOWN_TYPE) for each in ("application/octet-stream", "binary/octet-stream", "audio/*; q=1")),
        ("application/x-www-form-urlencoded", "x.wav", "audio/wav"),
        ("audio/<script>", "x", UNKNOWN_TYPE),
        ("audio/x\x00", "x", UNKNOWN_TYPE),
        ("application/ogg", "x", "application/ogg"),
    ],
)
def test_a_type_that_says_nothing_is_replaced_by_that_of_the_extension(declared, name, kept):
    assert declared_type(declared, name) == kept


@pytest.mark.parametrize(
    ("head", "declared", "kept"),
    [
        (WAV, "audio/x-wav", "audio/x-wav"),
        (WAV, UNKNOWN_TYPE, "audio/wav"),
        (WAV, "text/plain", "audio/wav"),
        (WAV, "image/png", "audio/wav"),
        (M4A, "audio/mpeg", "audio/mp4"),
        (M4A, "audio/x-m4a", "audio/x-m4a"),
        (MP4, "audio/mp4", "audio/mp4"),
        (MP3, "audio/mp3", "audio/mp3"),
        (MP3, "audio/wav", "audio/mpeg"),
        (b"ID3\x04" + bytes(30), "audio/aac", "audio/aac"),
        (b"\xff\xf1\x50\x80" + bytes(30), UNKNOWN_TYPE, "audio/aac"),
        (WEBM, "audio/webm", "audio/webm"),
        (TS, "text/vnd.trolltech.linguist", "video/mp2t"),
        (UNSEEN, "audio/wav", "audio/wav"),
        (UNSEEN, UNKNOWN_TYPE, UNKNOWN_TYPE),
        (b"", UNKNOWN_TYPE, UNKNOWN_TYPE),
    ],
)
def test_bytes_that_contradict_the_declared_type_are_believed(head, declared, kept):
    assert confirmed_type(head, declared) == kept


@pytest.mark.parametrize(
    ("head", "declared", "code"),
    [
        (UNSEEN, "image/png", "unsupported_media_type"),
        (b"", "text/html", "unsupported_media_type"),
        (b"\x89PNG\r\n\x1a\n" + bytes(30), "image/png", "not_audio"),
        (b"<html>", "audio/wav", "not_audio"),
    ],
)
def test_what_is_not_a_recording_is_rejected(head, declared, code):
    with pytest.raises(Problem) as caught:
        confirmed_type(head, declared)
    assert (caught.value.status, caught.value.code) == (415, code)


@given(st.binary(max_size=400))
def test_any_bytes_have_a_type_or_are_rejected_as_no_audio(head):
    code = "not_audio"
    try:
        assert confirmed_type(head, UNKNOWN_TYPE)
    except Problem as problem:
        code = problem.code
    assert code == "not_audio"
