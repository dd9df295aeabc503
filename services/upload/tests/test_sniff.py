"""Files that are certainly not recordings are rejected by their first bytes."""

import random
import wave
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicepipe_upload.sniff import HEAD_BYTES, identify_non_media


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
def test_files_that_are_certainly_not_media_are_identified(head, kind):
    assert kind in identify_non_media(head[:HEAD_BYTES]).name


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
def test_media_and_possible_media_pass(head):
    assert identify_non_media(head) is None


@given(st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=1, max_size=20))
def test_text_in_any_script_is_identified_wherever_the_head_ends(text):
    assert identify_non_media((text * HEAD_BYTES).encode()[:HEAD_BYTES]) is not None


@given(st.binary(max_size=300))
def test_no_bytes_cause_an_error(head):
    identify_non_media(head)
