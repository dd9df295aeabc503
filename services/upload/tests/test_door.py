"""Recordings are accepted as real clients send them, whatever they declare, through every door alike."""

import base64
import http.client
import json
from contextlib import closing

import pytest
from rpc_client import whole
from tus_client import BYTES, TUS, create, head, metadata, patch

DEFAULTS = [
    "",
    "audio/*",
    "*/*",
    "video/*",
    "application/octet-stream",
    "binary/octet-stream",
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=UTF-8",
    "AUDIO/WAV ; rate=16000;;x",
    "audio/mpeg",
    "text/plain;charset=UTF-8",
    "null",
    "image/png",
]
E_ACUTE = "e\u0301"
NAMES = [
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 family.wav",
    "פגישה ١٢.wav",
    f"Caf{E_ACUTE}.wav",
    'He said "hi"; it\'s 50% off, a=b.wav',
    "...and justice.wav",
]


async def plain(client, data, name="a.wav", kind=None):
    headers = {} if kind is None else {"Content-Type": kind}
    return await client.post("/v1/transcriptions", content=data, params={"name": name}, headers=headers)


async def form(client, data, name="a.wav", kind=None):
    return await client.post("/v1/transcriptions", files={"file": (name, data, kind or "")})


async def in_pieces(client, data, name="a.wav", kind=None):
    """By tus, with a HEAD, a first piece too small to judge, and the rest."""
    url = await create(client, len(data), **metadata(filename=name, **({} if kind is None else {"filetype": kind})))
    await patch(client, url, 0, data[:1000])
    return await patch(client, url, 1000, data[1000:])


DOORS = [plain, form, in_pieces]


@pytest.mark.parametrize("kind", DEFAULTS)
@pytest.mark.parametrize("send", DOORS)
async def test_a_recording_is_accepted_whatever_its_declared_type_says(make_client, database, recording, send, kind):
    answer = await send(await make_client(), recording(9000), kind=kind)
    assert answer.is_success, answer.text
    assert (await database.fetchval("SELECT media_type FROM recordings")) == "audio/wav"


@pytest.mark.parametrize("kind", ["audio/mpeg", "*/*", "text/plain"])
async def test_the_bytes_decide_over_grpc_too(make_rpc_client, database, recording, kind):
    client = await make_rpc_client()
    await client.create(whole(recording(9000), name="a", media_type=kind))
    assert (await database.fetchval("SELECT media_type FROM recordings")) == "audio/wav"


@pytest.mark.parametrize("send", DOORS)
@pytest.mark.parametrize(
    ("data", "kind", "code"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(9000), "audio/*", "not_audio"),
        (b"<html>" * 2000, "audio/wav", "not_audio"),
        (b"\x01\x02" * 5000, "image/png", "unsupported_media_type"),
    ],
)
async def test_what_is_not_a_recording_is_rejected_and_leaves_nothing(make_client, leftovers, send, data, kind, code):
    answer = await send(await make_client(), data, kind=kind)
    assert (answer.status_code, answer.json()["code"]) == (415, code)
    assert await leftovers.nothing()


def test_a_body_without_a_content_type_is_accepted(process, key, recording):
    with closing(http.client.HTTPConnection("127.0.0.1", process.port)) as connection:
        connection.request("POST", "/v1/transcriptions", recording(9000), {"Authorization": f"Bearer {key}"})
        answer = connection.getresponse()
        assert (answer.status, json.load(answer)["media_type"]) == (202, "audio/wav")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("send", DOORS)
async def test_a_name_comes_back_as_it_was_sent(make_client, database, recording, send, name):
    answer = await send(await make_client(), recording(9000), name=name)
    assert answer.is_success, answer.text
    assert (await database.fetchval("SELECT name FROM recordings")) == name


@pytest.mark.parametrize("name", NAMES)
async def test_a_name_comes_back_over_grpc(make_rpc_client, recording, name):
    answer = await (await make_rpc_client()).create(whole(recording(9000), name=name))
    assert answer.transcription.name == name


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('filename="a%22b%5C.wav"', 'a"b%5C.wav'),
        ("filename*=UTF-8''p%C3%A4use.wav", "päuse.wav"),
        ("filename=\"=?utf-8?B?cMOkdXNlLndhdg==?=\"; filename*=utf-8''p%C3%A4use.wav", "päuse.wav"),
        ('filename="=?utf-8?B?cMOkdXNlLndhdg==?="', "päuse.wav"),
        ('filename="p\xe4use.wav"', "päuse.wav"),
        ('filename="C:\\\\dir\\\\a.wav"', "a.wav"),
        ('filename="C:\\dir\\a.wav"', "a.wav"),
        ('filename="../../a.wav"', "a.wav"),
        ('filename="one%0D%0Atwo.wav"', "one two.wav"),
    ],
)
async def test_a_name_in_a_form_is_read_in_every_form(make_client, recording, disposition, name):
    head = f'--x\r\nContent-Disposition: form-data; name="file"; {disposition}\r\n\r\n'.encode("latin-1")
    answer = await (await make_client()).post(
        "/v1/transcriptions",
        content=head + recording(9000) + b"\r\n--x--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    assert (answer.status_code, answer.json()["name"]) == (202, name)


async def test_what_uppy_adds_to_a_form_is_no_option(make_client, recording, database):
    fields = {"relativePath": "null", "name": "a b.wav", "type": "audio/wav", "language": "en"}
    files = {"file": ("a b.wav", recording(9000), "audio/wav")}
    answer = await (await make_client()).post("/v1/transcriptions", data=fields, files=files)
    assert (answer.status_code, answer.json()["name"]) == (202, "a b.wav")
    assert (await database.fetchval("SELECT options FROM jobs"))["language"] == "en"


@pytest.mark.parametrize(
    ("query", "header", "name"),
    [
        ("?name=p%E4use.wav", None, "päuse.wav"),
        ("?name=p%C3%A4use%20%F0%9F%98%80.wav", None, "päuse \U0001f600.wav"),
        ("?name=a%0Ab%2Fc%00.wav", None, "c.wav"),
        ("", b'attachment; filename="p\xe4use.wav"', "päuse.wav"),
        ("", 'attachment; filename="päuse.wav"'.encode(), "päuse.wav"),
        ("", b"attachment; filename*=UTF-8''%F0%9F%98%80.wav", "\U0001f600.wav"),
        ("", None, "recording"),
    ],
)
async def test_the_name_of_a_plain_body_is_read_in_every_encoding(make_client, recording, query, header, name):
    headers = {} if header is None else {"Content-Disposition": header}
    answer = await (await make_client()).post(f"/v1/transcriptions{query}", content=recording(9000), headers=headers)
    assert (answer.status_code, answer.json()["name"]) == (202, name)


async def test_metadata_that_is_not_ours_is_kept_and_returned(make_client, database, recording):
    data = recording(9000)
    thumbnail = base64.b64encode(b"\xff\xd8\xff").decode()
    described = {
        "Upload-Metadata": metadata(
            relativePath="null",
            name="a b.wav",
            type="audio/wav",
            caption="the board",
            filename="a b.wav",
            language="en",
        )["Upload-Metadata"]
        + f",thumbnail {thumbnail},is_confidential"
    }
    client = await make_client()
    url = await create(client, len(data), **described)
    assert (await head(client, url)).headers["upload-metadata"] == described["Upload-Metadata"]
    assert (await patch(client, url, 0, data)).status_code == 204
    assert (await head(client, url)).headers["upload-metadata"] == described["Upload-Metadata"]
    assert (await database.fetchval("SELECT options FROM jobs"))["language"] == "en"
    assert await database.fetchval("SELECT name FROM recordings") == "a b.wav"


@pytest.mark.parametrize("option", ["diarise", "langauge", "keyterm", "lang", "minSpeakers"])
async def test_a_misspelt_option_in_metadata_is_an_error_that_names_the_option(make_client, leftovers, option):
    answer = await (await make_client()).post(
        "/v1/uploads", headers=TUS | {"Upload-Length": "9"} | metadata(**{option: "1"})
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_option")
    assert "meant?" in answer.json()["detail"]
    assert await leftovers.nothing()


async def test_a_type_judged_in_one_request_is_kept_for_the_next(make_client, database, recording):
    """The first piece is long enough to judge; the last one makes the job."""
    client, data = await make_client(), recording(20_000)
    url = await create(client, len(data), **metadata(filename="talk", filetype="image/png"))
    await client.patch(url, content=data[:9000], headers=BYTES | {"Upload-Offset": "0"})
    assert await database.fetchval("SELECT media_type FROM uploads") == "audio/wav"
    await patch(client, url, 9000, data[9000:])
    assert await database.fetchval("SELECT media_type FROM recordings") == "audio/wav"
