"""Where the recordings in a file begin and end, whatever their headers state."""

import os
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from voicepipe_orchestrator.prepare.decoder import recordings
from voicepipe_orchestrator.prepare.decoder.source import File, Slice, Source

RATE = 8000
SOUND = np.random.default_rng(3).integers(-9000, 9000, 2 * RATE, np.int16).astype("<i2").tobytes()
LIST = b"LIST" + struct.pack("<I", 10) + b"INFOISFT\0\0"


def riff(data=SOUND, *, size=None, before=b"", after=b"", kind=b"RIFF", rate=RATE):
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16)
    stated = len(data) if size is None else size
    body = b"WAVE" + before + form + b"data" + struct.pack("<I", stated) + data + after
    return kind + struct.pack("<I", 0xFFFFFFFF if kind == b"RF64" else len(body)) + body


def ds64(data_bytes):
    return b"ds64" + struct.pack("<IQQQI", 28, 0, data_bytes, 0, 0)


def found_in(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        found = recordings.find(File(descriptor))
        return [(each, read_all(each.source)) for each in found]
    finally:
        os.close(descriptor)


def read_all(source):
    source.seek(0)
    return b"".join(iter(lambda: source.read(10_000), b""))


def samples_of(content):
    return content[content.index(b"data") + 8 :]


WHOLE = {
    "as it should be": riff(),
    "size 0": riff(size=0),
    "size -1": riff(size=0xFFFFFFFF),
    "size of a stream": riff(size=0x7FFFFFFF),
    "size minus the header": riff(size=0xFFFFFFFF - 36),
    "size too small": riff(size=1000),
    "size modulo 4 GiB": riff(size=(len(SOUND) + 5 * 2**32 - 777) % 2**32 % 7001),
    "a list before": riff(before=LIST),
    "junk before": riff(before=b"JUNK" + struct.pack("<I", 28) + bytes(28)),
    "a list after": riff(after=LIST),
    "a tag after": riff(after=b"TAG" + bytes(125)),
    "padding after": riff(after=bytes(4000)),
    "RF64": riff(size=0xFFFFFFFF, before=ds64(len(SOUND)), kind=b"RF64"),
    "RF64 without a length": riff(size=0xFFFFFFFF, before=ds64(0), kind=b"RF64"),
    "RF64 with a length that is too large": riff(size=0xFFFFFFFF, before=ds64(2**40), kind=b"RF64"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_all_samples_of_a_wav_are_read_and_nothing_else(tmp_path, name):
    ((_, content),) = found_in(tmp_path, WHOLE[name])
    assert samples_of(content) == SOUND


def test_digital_silence_after_a_size_that_is_too_small_is_no_padding(tmp_path):
    data = SOUND + bytes(300_000) + SOUND
    ((_, content),) = found_in(tmp_path, riff(data, size=len(SOUND)))
    assert samples_of(content) == data


def test_a_cut_wav_says_how_much_is_missing(tmp_path):
    ((recording, content),) = found_in(tmp_path, riff(SOUND[:RATE], size=len(SOUND)))
    assert samples_of(content) == SOUND[:RATE]
    assert (recording.stated_s, recording.missing_s) == (2.0, 1.5)


@pytest.mark.parametrize("first", ["as it should be", "size -1", "size 0", "a list after", "size too small"])
def test_joined_wavs_are_two_recordings(tmp_path, first):
    (_, one), (_, other) = found_in(tmp_path, WHOLE[first] + riff(SOUND[:4000], rate=16_000))
    assert samples_of(one) == SOUND
    assert samples_of(other) == SOUND[:4000]


def ogg_page(flags, payload, serial=1):
    return (
        b"OggS\0" + bytes([flags]) + bytes(8) + struct.pack("<III", serial, 0, 0) + bytes([1, len(payload)]) + payload
    )


OGG = ogg_page(2, b"OpusHead") + ogg_page(0, b"OpusTags") + ogg_page(0, b"x" * 200) + ogg_page(4, b"y" * 90)
EBML = b"\x1a\x45\xdf\xa3\x9f" + b"\x42\x82\x84webm" + bytes(24)
WEBM_LIVE = EBML + b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff" + b"\x1f\x43\xb6\x75" + bytes(500)
WEBM = EBML + b"\x18\x53\x80\x67\x40\x64" + bytes(100)
MP4 = (
    struct.pack(">I", 16)
    + b"ftypisom"
    + bytes(4)
    + struct.pack(">I", 24)
    + b"moov"
    + bytes(16)
    + struct.pack(">I", 108)
    + b"mdat"
    + bytes(100)
)
FLV = b"FLV\x01\x04\0\0\0\x09\0\0\0\0" + b"\x08" * 300
FLAC = b"fLaC\x00\0\0\x22" + bytes(34) + b"\xff\xf8" * 100
AMR = b"#!AMR\n" + b"\x3c" * 320
MP3_FRAME = b"\xff\xfb\x90\x64" + b"\x11" * 413
MP3 = b"ID3\x03\0\0\0\0\0\x0a" + bytes(10) + MP3_FRAME * 5


@pytest.mark.parametrize("whole", [OGG, WEBM, WEBM_LIVE, MP4, FLV, FLAC, AMR, MP3], ids=str)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_joined_files_are_cut_where_each_begins(tmp_path, whole, count):
    found = found_in(tmp_path, whole * count)
    assert [content for _, content in found] == [whole] * count


def test_tags_at_the_end_of_an_mp3_are_left_out(tmp_path):
    tags = b"TAG" + b"t" * 125
    found = found_in(tmp_path, (MP3 + tags) * 2)
    assert [content for _, content in found] == [MP3] * 2


@given(
    st.binary(max_size=3000),
    st.sampled_from([b"", b"RIFF", b"OggS", b"ID3\x03\0\0", b"\x1a\x45\xdf\xa3", b"FORM", MP4[:24], FLV]),
)
def test_any_file_is_read_without_an_error(tmp_path_factory, content, head):
    found = found_in(tmp_path_factory.mktemp("any"), head + content)
    assert 1 <= len(found) <= recordings.MAX_RECORDINGS


@given(
    st.lists(st.one_of(st.binary(max_size=9), st.tuples(st.integers(0, 90), st.integers(0, 20))), max_size=6), st.data()
)
def test_a_source_reads_like_the_bytes_that_it_stands_for(tmp_path_factory, parts, data):
    path = tmp_path_factory.mktemp("source") / "file"
    path.write_bytes(bytes(range(100)))
    pieces = [part if isinstance(part, bytes) else Slice(part[0], min(100, sum(part))) for part in parts]
    expected = b"".join(
        part if isinstance(part, bytes) else bytes(range(part[0], min(100, sum(part)))) for part in parts
    )
    descriptor = os.open(path, os.O_RDONLY)
    source = Source(File(descriptor), pieces)
    at = data.draw(st.integers(0, len(expected)))
    source.seek(at)
    assert b"".join(iter(lambda: source.read(7), b"")) == expected[at:]
    assert source.tell() == source.seek(0, os.SEEK_END) == len(expected)
    os.close(descriptor)
