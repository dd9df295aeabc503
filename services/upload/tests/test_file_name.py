"""A name comes back as its user wrote it, as far as it is safe to store and to show."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicepipe_upload.file_name import MAX_NAME_CHARS, safe_name, text_of

E_ACUTE = "e\u0301"
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"


@pytest.mark.parametrize(
    "name",
    [
        "meeting.wav",
        "Café Frühstück \U0001f600.wav",
        f"{FAMILY} {SCOTLAND} \U0001f44d\U0001f3fd ❤\ufe0f.m4a",
        "می\u200cشود.mp3",
        "הקלטה 1\u200f.wav",
        f"Caf{E_ACUTE}.wav",
        "Am\u00e9lie et Ame\u0301lie.wav",
        """He said "hi"; it's 50% off, a=b.wav""",
        "...and justice for all.mp3",
        "Interview m. Dr.",
        "\U0001fae9 newer than this Python.wav",
        "\uf8ff WWDC.m4a",
    ],
)
def test_a_safe_name_is_kept_as_it_was_written(name):
    assert safe_name(name) == name


@pytest.mark.parametrize(
    ("declared", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("../a.wav", "a.wav"),
        ("C:\\Users\\ada\\talk.mp3", "talk.mp3"),
        ("recordings/", "recordings"),
        ("a\x00b\r\n\u202ec.wav", "ab c.wav"),
        ("Monday\nand\tTuesday\u2028.wav", "Monday and Tuesday .wav"),
        ("invoice\u202egpj.exe", "invoicegpj.exe"),
        ("a\u2066b\u2069.wav", "ab.wav"),
        ("\ufeffa\ud800\ufffe.wav", "a.wav"),
        ("  Besprechung vom Montag.m4a ", "Besprechung vom Montag.m4a"),
        (".", "recording"),
        ("..", "recording"),
        (" \u200d ", "recording"),
        ("", "recording"),
        (None, "recording"),
        ("/", "recording"),
    ],
)
def test_what_is_not_safe_is_removed(declared, kept):
    assert safe_name(declared) == kept


@pytest.mark.parametrize(
    ("declared", "kept"),
    [
        ("a" * 300 + ".wav", "a" * 251 + ".wav"),
        ("a" * 300, "a" * 255),
        ("." + "a" * 300, "." + "a" * 254),
        ("a." + "b" * 300, "a." + "b" * 253),
        ("a" * 250 + E_ACUTE + "a" * 9 + ".wav", "a" * 250 + ".wav"),
        ("a" * 248 + FAMILY + "a" * 9 + ".wav", "a" * 248 + ".wav"),
    ],
)
def test_a_long_name_keeps_its_extension_and_is_not_cut_inside_a_character(declared, kept):
    assert safe_name(declared) == kept


@given(st.text(max_size=600))
def test_every_safe_name_is_safe(declared):
    name = safe_name(declared)
    assert 0 < len(name) <= MAX_NAME_CHARS
    assert not set(name) & {"/", "\\"}
    assert not any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in name)
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", name)
    assert name not in {".", ".."}
    assert safe_name(name) == name
    name.encode()


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("päuse.wav".encode(), "päuse.wav"),
        ("päuse.wav".encode("latin-1"), "päuse.wav"),
        ("„10 €“.wav".encode("cp1252"), "„10 €“.wav"),
        (b"a\x81.wav", "a\x81.wav"),
    ],
)
def test_a_name_in_another_encoding_is_read(raw, text):
    assert text_of(raw) == text
