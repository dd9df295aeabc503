"""The headers of tus are parsed, or rejected with a sentence."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicepipe_upload.options import option_meant_by
from voicepipe_upload.tus import protocol
from voicepipe_wire.errors import Problem


def b64(text):
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("value", ["-1", "1.5", "", " 1", "1e3", "٣", "9" * 30])
def test_a_length_or_offset_that_is_not_a_number_is_rejected(value):
    for call, name in ((protocol.offset, "upload-offset"), (protocol.length, "upload-length")):
        with pytest.raises(Problem) as caught:
            call({name: value})
        assert (caught.value.status, caught.value.code) == (400, "invalid_header")


@pytest.mark.parametrize(
    "headers", [{}, {"upload-length": "5", "upload-defer-length": "1"}, {"upload-defer-length": "2"}]
)
def test_a_new_upload_needs_a_length_or_defers_it(headers):
    with pytest.raises(Problem, match="Upload-Length"):
        protocol.length_of_new(headers)


def test_an_empty_upload_is_rejected():
    with pytest.raises(Problem) as caught:
        protocol.length_of_new({"upload-length": "0"})
    assert caught.value.code == "empty_body"


@pytest.mark.parametrize(
    "value",
    ["sha1", "sha1 !!!", "crc32 AAAA", f"sha1 {b64('short')}", "", "sha256 " + base64.b64encode(bytes(20)).decode()],
)
def test_an_invalid_checksum_is_rejected(value):
    with pytest.raises(Problem) as caught:
        protocol.checksum({"upload-checksum": value})
    assert (caught.value.status, caught.value.code) == (400, "invalid_checksum")


def test_metadata_is_split_into_name_type_and_options():
    header = f"filename {b64('päuse.wav')}, filetype {b64('audio/wav')},language {b64('en')},diarize"
    assert protocol.metadata(header) == protocol.Metadata(
        "päuse.wav", "audio/wav", (("language", "en"), ("diarize", ""))
    )


# What Uppy 4 and 5 send of a file from a folder, with a field that its page added.
UPPY = {
    "relativePath": "null",
    "name": "päuse.wav",
    "type": "audio/wav",
    "caption": "the board",
    "filetype": "audio/wav",
    "filename": "päuse.wav",
}


def test_the_metadata_of_uppy_is_accepted():
    header = ",".join(f"{key} {b64(value)}" for key, value in UPPY.items())
    assert protocol.metadata(header) == protocol.Metadata("päuse.wav", "audio/wav", ())


@pytest.mark.parametrize("header", ["thumbnail /9j/", "tag !!", "is_confidential", "meeting id eA==", "ключ eA=="])
def test_metadata_that_is_not_ours_may_have_any_value(header):
    assert protocol.metadata(header) == protocol.Metadata(None, None, ())


def test_a_name_need_not_be_utf8():
    header = f"filename {base64.b64encode('päuse.wav'.encode('latin-1')).decode()}"
    assert protocol.metadata(header).name == "päuse.wav"


def test_a_misspelt_option_is_left_to_be_rejected():
    assert protocol.metadata(f"langauge {b64('en')}").options == (("langauge", "en"),)


@pytest.mark.parametrize(
    "header",
    [
        "filename ä",
        "language !!",
        "language /w==",
        f"a {b64('x')},a {b64('y')}",
        "x " + "A" * 20_000,
        ",".join(f"key{number}" for number in range(65)),
    ],
)
def test_invalid_metadata_is_rejected(header):
    with pytest.raises(Problem) as caught:
        protocol.metadata(header)
    assert (caught.value.status, caught.value.code) == (400, "invalid_metadata")


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,10}", fullmatch=True), st.text(max_size=50), max_size=5))
def test_metadata_round_trips(pairs):
    header = ",".join(f"{key} {b64(value)}" for key, value in pairs.items())
    metadata = protocol.metadata(header)
    assert dict(metadata.options) == {key: value for key, value in pairs.items() if option_meant_by(key)}


@given(st.text(max_size=200))
def test_any_metadata_is_parsed_or_rejected(header):
    status = 400
    try:
        protocol.metadata(header)
    except Problem as problem:
        status = problem.status
    assert status == 400
