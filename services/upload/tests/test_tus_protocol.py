"""The headers of tus are parsed, or rejected with a sentence."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
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


@pytest.mark.parametrize(
    "header", ["filename ä", "language !!", f"a {b64('x')},a {b64('y')}", "x " + "A" * 20_000, "a /w=="]
)
def test_invalid_metadata_is_rejected(header):
    with pytest.raises(Problem) as caught:
        protocol.metadata(header)
    assert (caught.value.status, caught.value.code) == (400, "invalid_metadata")


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,10}", fullmatch=True), st.text(max_size=50), max_size=5))
def test_metadata_round_trips(pairs):
    header = ",".join(f"{key} {b64(value)}" for key, value in pairs.items())
    metadata = protocol.metadata(header)
    rest = {key: value for key, value in pairs.items() if key not in {"filename", "name", "filetype", "type"}}
    assert dict(metadata.options) == rest


@given(st.text(max_size=200))
def test_any_metadata_is_parsed_or_rejected(header):
    status = 400
    try:
        protocol.metadata(header)
    except Problem as problem:
        status = problem.status
    assert status == 400
