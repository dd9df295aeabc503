"""Rejected input gets a stable code and a sentence, and leaves nothing behind."""

import asyncio
import io
import socket
import zipfile

import pytest
from support.eventually import eventually_async

MIB = 1024 * 1024
LIMIT = 10 * MIB


def zipped():
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("talk.wav", bytes(100_000))
    return made.getvalue()


def form(*fields, end="--x--\r\n", kind="multipart/form-data; boundary=x"):
    parts = "".join(f"--x\r\nContent-Disposition: form-data; {about}\r\n\r\n{value}\r\n" for about, value in fields)
    return {"content": (parts + end).encode(), "headers": {"Content-Type": kind}}


FILE = ('name="file"; filename="a.wav"', "\x00\x01\x02")
CASES = {
    "empty body": ("", {"content": b""}, 400, "empty_body"),
    "empty file": ("", form(('name="file"; filename="a.wav"', "")), 400, "empty_body"),
    "text named .mp3": ("?name=a.mp3", {"content": b"Dear all,\n" * 2000}, 415, "not_audio"),
    "short text": ("?name=a.mp3", {"content": b"hi"}, 415, "not_audio"),
    "playlist": ("?name=a.mp3", {"content": b"#EXTM3U\nhttp://127.0.0.1:9/x\n"}, 415, "not_audio"),
    "concat script": ("", {"content": b"ffconcat version 1.0\nfile '/etc/passwd'\n"}, 415, "not_audio"),
    "zip": ("", {"content": zipped()}, 415, "not_audio"),
    "declared as picture": (
        "",
        {"content": b"\x00", "headers": {"Content-Type": "image/png"}},
        415,
        "unsupported_media_type",
    ),
    "unknown option": ("?lang=en", {"content": b"\x00"}, 400, "unknown_option"),
    "no such language": ("?language=klingon", {"content": b"\x00"}, 422, "invalid_option"),
    "a language that the model does not support": ("?language=ja", {"content": b"\x00"}, 422, "invalid_option"),
    "a model that is not served": ("?model=fast", {"content": b"\x00"}, 422, "model_not_served"),
    "a model that no longer exists": ("?model=draft", {"content": b"\x00"}, 422, "invalid_option"),
    "unknown option after the file": ("", form(FILE, ('name="lang"', "en")), 400, "unknown_option"),
    "bad option after the file": ("", form(FILE, ('name="language"', "klingon")), 422, "invalid_option"),
    "two files": ("", form(FILE, FILE), 400, "form_malformed"),
    "a file in another field": ("", form(('name="audio"; filename="a.wav"', "x")), 400, "form_malformed"),
    "no file": ("", form(('name="language"', "en")), 400, "form_malformed"),
    "no end of the form": ("", form(FILE, end=""), 400, "form_malformed"),
    "no boundary": ("", form(FILE, kind="multipart/form-data"), 400, "form_malformed"),
    "another boundary": ("", form(FILE, kind="multipart/form-data; boundary=y"), 400, "form_malformed"),
    "too large a field": ("", form(FILE, ('name="keyterms"', "x" * 70_000)), 400, "form_malformed"),
    "too many fields": ("", form(*[('name="keyterms"', "x")] * 300, FILE), 400, "form_malformed"),
    "too large by its Content-Length": ("", {"content": bytes(LIMIT + 1)}, 413, "too_large"),
}


@pytest.mark.parametrize("name", CASES)
async def test_bad_input_is_rejected_and_leaves_nothing(make_client, leftovers, name):
    query, request, status, code = CASES[name]
    client = await make_client(max_upload_bytes=LIMIT)
    answer = await client.post(f"/v1/transcriptions{query}", **request)
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), body
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["detail"].endswith(".")
    assert await leftovers.nothing()


@pytest.mark.parametrize("as_form", [False, True])
async def test_a_body_that_exceeds_the_limit_is_rejected_and_its_parts_are_removed(
    make_client, leftovers, recording, as_form
):
    async def body():
        if as_form:
            yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        for salt in range(LIMIT // MIB + 2):
            yield recording(MIB, salt)

    headers = {"Content-Type": "multipart/form-data; boundary=x"} if as_form else {}
    client = await make_client(max_upload_bytes=LIMIT)
    answer = await client.post("/v1/transcriptions", content=body(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert await leftovers.nothing()


async def test_a_bad_option_after_a_large_file_leaves_nothing(make_client, leftovers, recording):
    client = await make_client()
    files = [("file", ("a.wav", recording(17 * MIB))), ("priority", (None, "urgent"))]
    answer = await client.post("/v1/transcriptions", files=files)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_option")
    assert await leftovers.nothing()


async def test_without_a_model_the_answer_is_503_with_retry_after(make_client, database, leftovers):
    await database.execute("DELETE FROM models")
    answer = await (await make_client()).post("/v1/transcriptions", content=b"\x00")
    assert (answer.status_code, answer.json()["code"]) == (503, "no_model")
    assert int(answer.headers["retry-after"]) > 0
    assert await leftovers.nothing()


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Authorization": ""}, "key_missing"),
        ({"Authorization": "Bearer vp_wrong"}, "key_unknown"),
        ({"Authorization": "", "X-API-Key": "x"}, "key_unknown"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/transcriptions", "/v1/uploads"])
async def test_a_bad_key_is_rejected(make_client, leftovers, path, headers, code):
    tus = {"Tus-Resumable": "1.0.0", "Upload-Length": "1"}
    answer = await (await make_client()).post(path, content=b"", headers=headers | tus)
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert await leftovers.nothing()


@pytest.mark.parametrize("sent", [100, 9 * MIB])
async def test_a_body_shorter_than_its_content_length_leaves_nothing(
    process, key, database, leftovers, recording, sent
):
    head = (
        "POST /v1/transcriptions HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {key}\r\nContent-Length: {20 * MIB}\r\nContent-Type: audio/wav\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", process.port)) as connection:
        await asyncio.to_thread(connection.sendall, head.encode() + recording(sent))
        await eventually_async(lambda: database.fetchval("SELECT count(*) = 1 FROM uploads"))
    await eventually_async(leftovers.nothing)


async def test_an_idle_client_is_disconnected_and_leaves_nothing(processes, key, leftovers, recording):
    process = processes(client_idle_timeout_s=0.3)
    head = f"POST /v1/transcriptions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: 1000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", process.port)) as connection:
        connection.sendall(head.encode() + recording(500))
        answer = await asyncio.to_thread(lambda: b"".join(iter(lambda: connection.recv(4096), b"")))
    assert b" 408 " in answer
    assert b"upload_stalled" in answer
    assert await leftovers.nothing()


async def test_an_error_reaches_a_client_that_is_still_sending(process, gateway, client, leftovers):
    """The response comes in the middle of the body; the client must receive it instead of a reset connection."""

    async def body():
        yield b"PK\x03\x04" + bytes(MIB - 4)
        for _ in range(64):
            yield bytes(MIB)

    for url in (process.url, gateway):
        headers = {"Content-Length": str(65 * MIB)}
        answer = await client.post(f"{url}/v1/transcriptions", content=body(), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (415, "not_audio")
    assert await leftovers.nothing()


async def test_uploads_over_the_concurrency_limit_get_503_with_retry_after(
    processes, key, client, leftovers, recording
):
    process = processes(max_concurrent_uploads=1)
    head = f"POST /v1/transcriptions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: 1000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", process.port)) as connection:
        connection.sendall(head.encode() + recording(500))

        async def is_busy():
            answer = await client.post(f"{process.url}/v1/transcriptions?language=klingon", content=b"\x00")
            return answer.status_code == 503 and answer.json()["code"] == "busy" and "retry-after" in answer.headers

        await eventually_async(is_busy)
