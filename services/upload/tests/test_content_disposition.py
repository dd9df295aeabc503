"""The names in Content-Disposition, in all the forms that clients write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicepipe_upload import content_disposition
from voicepipe_upload.file_name import safe_name


def sent(header):
    """As a server sees the bytes of a header."""
    return (header if isinstance(header, bytes) else header.encode()).decode("latin-1")


BOTH = [
    ('attachment; filename="talk.wav"', "talk.wav"),
    ("attachment; filename=talk.wav", "talk.wav"),
    ("attachment; filename=my talk.wav ; size=1", "my talk.wav"),
    ('attachment; FileName = "talk.wav"', "talk.wav"),
    ('attachment; filename="a;b=c, d.wav"; size=1', "a;b=c, d.wav"),
    ('attachment; filename="say \\"hi\\" \\\\o/.wav"', 'say "hi" \\o/.wav'),
    ('attachment; filename="C:\\dir\\new.wav"', "C:\\dir\\new.wav"),
    ('attachment; filename="100%25.wav"', "100%25.wav"),
    ('attachment; filename="päuse \U0001f600.wav"', "päuse \U0001f600.wav"),
    ('attachment; filename="päuse.wav"'.encode("latin-1"), "päuse.wav"),
    ("attachment; filename=x.wav; filename*=UTF-8''p%C3%A4use.wav", "päuse.wav"),
    ("attachment; filename*=utf-8'de'a%3Bb%22c.wav; filename=x.wav", 'a;b"c.wav'),
    ("attachment; filename*=\"UTF-8''p%C3%A4use.wav\"", "päuse.wav"),
    ("attachment; filename*=iso-8859-1''p%E4use.wav", "päuse.wav"),
    ("attachment; filename*=UTF-8''p%E4use.wav", "päuse.wav"),
    ("attachment; filename=x.wav; filename*=broken", "x.wav"),
    ('attachment; filename="=?utf-8?B?cMOkdXNlLndhdg==?="', "päuse.wav"),
    ('attachment; filename="=?iso-8859-1?Q?p=E4use.wav?="', "päuse.wav"),
    ('attachment; filename="=?klingon?Q?a?="', "=?klingon?Q?a?="),
    ('attachment; filename="unfinished', "unfinished"),
    ('attachment; filename="a\\"', "a\\"),
    ('attachment; filename=""', ""),
    ("attachment", None),
    ("", None),
    (None, None),
]


@pytest.mark.parametrize(("header", "name"), BOTH)
@pytest.mark.parametrize("read", [content_disposition.of_request, content_disposition.of_part])
def test_a_file_name_is_read_in_every_form(read, header, name):
    assert read(None if header is None else sent(header)).file_name == name


def test_the_escapes_of_browsers_are_read_in_forms_only():
    header = sent('form-data; name="fi%22eld"; filename="a%22b%0D%0Ac%2e 5%.wav"')
    part = content_disposition.of_part(header)
    assert part == content_disposition.Disposition('fi"eld', 'a"b\r\nc%2e 5%.wav')
    assert content_disposition.of_request(header).file_name == "a%22b%0D%0Ac%2e 5%.wav"


@given(st.text(max_size=200))
def test_any_header_is_read(text):
    for read in (content_disposition.of_request, content_disposition.of_part):
        safe_name(read(sent(text.encode(errors="replace"))).file_name)
