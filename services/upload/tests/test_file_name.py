"""Names and media types that clients declare are made safe to store and to show."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicepipe_upload.file_name import MAX_NAME_CHARS, media_type, name_in_disposition, safe_name
from voicepipe_wire.errors import Problem


@pytest.mark.parametrize(
    ("declared", "kept"),
    [
        ("meeting.wav", "meeting.wav"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ada\\talk.mp3", "talk.mp3"),
        ("a\x00b\r\n\u202ec.wav", "abc.wav"),
        ("  Besprechung vom Montag.m4a ", "Besprechung vom Montag.m4a"),
        ("..", "recording"),
        ("", "recording"),
        (None, "recording"),
        ("/", "recording"),
    ],
)
def test_a_safe_name_is_the_last_path_component_without_control_characters(declared, kept):
    assert safe_name(declared) == kept


@given(st.text(max_size=600))
def test_every_safe_name_is_safe(declared):
    name = safe_name(declared)
    assert 0 < len(name) <= MAX_NAME_CHARS
    assert not set(name) & {"/", "\\"}
    assert not any(unicodedata.category(char).startswith("C") for char in name)
    assert name not in {".", ".."}
    assert safe_name(name) == name
    name.encode()


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="talk.wav"', "talk.wav"),
        ("attachment; filename=x.wav; filename*=UTF-8''p%C3%A4use.wav", "päuse.wav"),
        ("attachment", None),
        (None, None),
    ],
)
def test_a_content_disposition_names_the_file(header, name):
    assert name_in_disposition(header) == name


@pytest.mark.parametrize(
    ("declared", "name", "kept"),
    [
        ("Audio/WAV; codecs=1", "x", "audio/wav"),
        ("video/mp4", "x", "video/mp4"),
        (None, "x.MP3", "audio/mpeg"),
        ("application/octet-stream", "x.flac", "audio/flac"),
        ("", "x.unknown", "application/octet-stream"),
        ("application/x-www-form-urlencoded", "x.wav", "audio/wav"),
        ("application/ogg", "x", "application/ogg"),
    ],
)
def test_a_media_type_is_the_declared_one_or_that_of_the_extension(declared, name, kept):
    assert media_type(declared, name) == kept


@pytest.mark.parametrize(
    "declared",
    ["image/png", "text/plain", "application/json", "audio/", "audio/<script>", "audio/x\x00"],
)
def test_a_type_that_is_neither_audio_nor_video_is_rejected(declared):
    with pytest.raises(Problem) as caught:
        media_type(declared, "x.wav")
    assert (caught.value.status, caught.value.code) == (415, "unsupported_media_type")
