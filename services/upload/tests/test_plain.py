"""A recording in one request becomes a job, or leaves nothing behind."""

import hashlib

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

MIB = 1024 * 1024


@pytest.mark.parametrize("size_bytes", [1, 1000, 8 * MIB, 8 * MIB + 1, 20 * MIB])
async def test_a_raw_body_becomes_a_job_and_its_object(client, database, leftovers, recording, size_bytes):
    data = b"\xff" if size_bytes == 1 else recording(size_bytes)
    answer = await client.post("/v1/transcriptions?name=talk.wav&language=en", content=data)
    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert answer.headers["location"] == body["links"]["self"] == f"/v1/transcriptions/{body['id']}"
    assert body["state"] == "queued"
    assert body["options"]["model"] == {"name": "accurate", "tier": "accurate"}
    row = await database.fetchrow("SELECT * FROM recordings")
    assert (str(row["id"]), row["name"], row["media_type"]) == (body["id"], "talk.wav", "audio/wav")
    assert row["sha256"] == hashlib.sha256(data).digest()
    assert leftovers.objects() == [row["object_key"]]
    assert leftovers.content(row["object_key"]) == data
    assert await database.fetchval("SELECT count(*) FROM uploads") == 0
    assert leftovers.multiparts() == []


@pytest.mark.parametrize("file_first", [True, False])
async def test_a_form_may_have_its_file_first_or_last(client, database, leftovers, recording, file_first):
    data = recording(9 * MIB)
    parts = [
        ("file", ("päuse.wav", data, "audio/wav")),
        ("language", (None, "en")),
        ("keyterms", (None, "NATS")),
        ("keyterms", (None, "S3")),
    ]
    answer = await client.post("/v1/transcriptions", files=parts if file_first else parts[::-1])
    assert answer.status_code == 202, answer.text
    assert answer.json()["name"] == "päuse.wav"
    assert answer.json()["options"]["language"] == "en"
    assert sorted(answer.json()["options"]["keyterms"]) == ["NATS", "S3"]
    assert leftovers.content(leftovers.objects()[0]) == data


async def test_another_owners_upload_is_not_a_duplicate(make_client, finish_job, other_key, recording):
    """The answer must not reveal that another owner has the same recording."""
    client = await make_client()
    first = await client.post("/v1/transcriptions", content=recording(1000))
    await finish_job(first.json()["id"])
    client.headers["Authorization"] = f"Bearer {other_key}"
    answer = await client.post("/v1/transcriptions", content=recording(1000))
    assert answer.status_code == 202
    assert answer.json()["id"] != first.json()["id"]


async def test_the_openapi_document_is_valid_and_says_which_routes_need_a_key(make_client):
    document = (await (await make_client()).get("/v1/openapi/upload.json")).json()
    OpenAPIV31SpecValidator(document).validate()
    without = {
        (path, method)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if not operation.get("security")
    }
    assert without == {("/v1/uploads", "options")}


async def test_the_openapi_document_lists_the_error_codes(make_client):
    document = (await (await make_client()).get("/v1/openapi/upload.json")).text
    for code in (
        "empty_body",
        "too_large",
        "not_audio",
        "invalid_option",
        "wrong_offset",
        "checksum_mismatch",
        "no_model",
    ):
        assert f'"{code}"' in document
