"""Names and types are made safe; what is certainly no recording is refused by its first bytes."""

import random
import unicodedata
import wave
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicepipe_upload.file_name import LONGEST_NAME, media_type, name_in_disposition, safe_name
from voicepipe_upload.sniff import HEAD_BYTES, what_else
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
def test_a_name_is_the_last_part_without_what_hides(declared, kept):
    assert safe_name(declared) == kept


@given(st.text(max_size=600))
def test_no_name_is_unsafe(declared):
    name = safe_name(declared)
    assert 0 < len(name) <= LONGEST_NAME
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
        ("", "x.unheard", "application/octet-stream"),
        ("application/ogg", "x", "application/ogg"),
    ],
)
def test_a_media_type_is_kept_or_found_by_the_name(declared, name, kept):
    assert media_type(declared, name) == kept


@pytest.mark.parametrize(
    "declared",
    ["image/png", "text/plain", "application/x-www-form-urlencoded", "audio/", "audio/<script>", "audio/x\x00"],
)
def test_other_types_are_refused(declared):
    with pytest.raises(Problem) as caught:
        media_type(declared, "x.wav")
    assert (caught.value.status, caught.value.code) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"PK\x03\x04" + bytes(100), "archive"),
        (b"\x1f\x8b\x08" + bytes(100), "archive"),
        (bytes(257) + b"ustar\x0000", "archive"),
        (b"%PDF-1.7\n", "document"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "picture"),
        (b"\xff\xd8\xff\xe0" + bytes(20), "picture"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "picture"),
        (b"\x7fELF" + bytes(20), "program"),
        (b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1/secret\n", "playlist"),
        (b"\xef\xbb\xbf  #extm3u\n", "playlist"),
        (b"ffconcat version 1.0\nfile '/etc/passwd'\n", "playlist"),
        (b"[playlist]\nFile1=http://example.org/a.mp3\n", "playlist"),
        (b'<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011">', "playlist"),
        (b"<!doctype html><html>", "text"),
        ("Liebe Kolleginnen, die Sitzung fällt aus.".encode() * 200, "text"),
        ("Fällt aus".encode("utf-16"), "text"),
        (b"{}", "text"),
    ],
)
def test_what_is_certainly_no_media_is_told(head, kind):
    assert kind in what_else(head[:HEAD_BYTES]).name


def wav():
    made = BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(bytes(8000))
    return made.getvalue()


@pytest.mark.parametrize(
    "head",
    [
        wav(),
        b"ID3\x04\x00\x00\x00\x00\x00\x23TSSE\x00\x00\x00\x0f\x00\x00\x03Lavf58\x00" + b"\xff\xfb\x90\x00" + bytes(500),
        b"\xff\xfb\x90\x64" + random.Random(1).randbytes(400),
        b"\xff\xf1\x50\x80" + random.Random(2).randbytes(400),
        b"OggS\x00\x02" + bytes(50),
        b"fLaC\x00\x00\x00\x22" + bytes(50),
        b"\x00\x00\x00\x20ftypM4A " + bytes(50),
        b"\x1aE\xdf\xa3" + random.Random(3).randbytes(100),
        b"#!AMR\n" + random.Random(4).randbytes(100),
        b"\xff",
        b"",
    ],
)
def test_media_and_what_may_be_media_pass(head):
    assert what_else(head) is None


@given(st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=1, max_size=20))
def test_text_of_any_script_is_text_wherever_the_head_ends(text):
    assert what_else((text * HEAD_BYTES).encode()[:HEAD_BYTES]) is not None


@given(st.binary(max_size=300))
def test_any_bytes_are_judged_without_an_error(head):
    what_else(head)
