"""A tus client for the tests, and what must be true of a finished upload."""

import base64
import hashlib

MIB = 1024 * 1024
TUS = {"Tus-Resumable": "1.0.0"}
BYTES = TUS | {"Content-Type": "application/offset+octet-stream"}


def metadata(**pairs):
    encoded = (f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())
    return {"Upload-Metadata": ",".join(encoded)}


def checksum(data, algorithm="sha1"):
    return {"Upload-Checksum": f"{algorithm} {base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"}


async def create(client, size_bytes=None, **more):
    length = {"Upload-Defer-Length": "1"} if size_bytes is None else {"Upload-Length": str(size_bytes)}
    answer = await client.post("/v1/uploads", headers=TUS | length | more)
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


async def patch(client, url, offset, data, **more):
    return await client.patch(url, content=data, headers=BYTES | {"Upload-Offset": str(offset)} | more)


async def head(client, url):
    return await client.head(url, headers=TUS)


async def check_job(answer, database, leftovers, data):
    """Assert that the upload became a job, that the object is what was sent, and that nothing else is left."""
    job_id = answer.headers["transcription-id"]
    assert answer.headers["transcription-location"] == f"/v1/transcriptions/{job_id}"
    row = await database.fetchrow("SELECT * FROM recordings WHERE id = $1", job_id)
    assert row["sha256"] == hashlib.sha256(data).digest()
    assert row["size_bytes"] == len(data)
    assert leftovers.objects() == [row["object_key"]]
    assert leftovers.content(row["object_key"]) == data
    assert leftovers.multiparts() == []
    assert await database.fetchval("SELECT count(*) FROM jobs WHERE state = 'queued'") == 1
