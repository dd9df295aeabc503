"""A page of an allowed origin can follow a transcription, and read its transcript and its audio, from a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from .conftest import Client, Pipeline, Service, StartService, following, rest, take

PAGE = "https://app.example.org"


@pytest.fixture
async def service(start: StartService) -> AsyncIterator[Service]:
    async with start(cors_origins=PAGE) as service:
        yield service


@pytest.fixture
async def page(service: Service) -> Client:
    client = await service.user("page")
    client.http.headers["Origin"] = PAGE
    return client


def exposed(answer) -> set[str]:
    assert answer.headers.get_list("access-control-allow-origin") == [PAGE]
    return {each.strip().lower() for each in answer.headers["access-control-expose-headers"].split(",")}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PATCH", "DELETE"])
async def test_a_preflight_needs_no_key(page: Client, method: str):
    asks = {
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,last-event-id,range",
    }
    # A recording is posted to upload, but a gateway may send the preflight of it here.
    for path in ("/v1/transcriptions", "/v1/transcriptions/x/events", "/v1/capabilities"):
        answer = await page.http.options(path, headers={"Authorization": "", **asks})
        assert answer.status_code == 200
        assert answer.headers.get_list("access-control-allow-origin") == [PAGE]
        assert answer.headers["access-control-allow-headers"] == asks["Access-Control-Request-Headers"]
        assert method in answer.headers["access-control-allow-methods"]


async def test_a_page_follows_the_events_and_continues_after_the_last_one(page: Client, pipeline: Pipeline):
    job_id = await pipeline.job(page.owner_id, state="transcribing")
    await pipeline.transcribe_chunks(page.owner_id, job_id, 0, 1)
    async with page.http.stream("GET", f"/v1/transcriptions/{job_id}/events") as response:
        assert exposed(response)
    async with following(page, job_id) as events:
        seen = [event async for event in _until_chunk(events)]
    await pipeline.end(page.owner_id, job_id)
    async with following(page, job_id, **{"Last-Event-ID": str(seen[-1].id)}) as events:
        assert [event.type for event in await rest(events)][-1] == "job-completed"


async def _until_chunk(events):
    while True:
        (event,) = await take(events, 1)
        yield event
        if event.type == "chunk-transcribed":
            return


async def test_a_page_reads_the_headers_of_the_audio(page: Client, pipeline: Pipeline):
    job_id = await pipeline.job(page.owner_id)
    await pipeline.store_audio(job_id)
    answer = await page.get(f"/v1/transcriptions/{job_id}/audio", headers={"Range": "bytes=0-9"})
    assert answer.status_code == 206
    assert exposed(answer) >= {"content-range", "content-disposition", "etag", "accept-ranges"}
    again = await page.get(f"/v1/transcriptions/{job_id}/audio", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert exposed(again)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/v1/transcriptions", {"Authorization": "Bearer vp_wrong"}, 401),
        ("/v1/transcriptions/0b9c5c0e-6f0a-4f5e-9d0e-3c8f1f6a2b11", {}, 404),
        ("/nothing", {}, 404),
    ],
)
async def test_a_page_reads_errors(page: Client, path: str, headers: dict[str, str], status: int):
    answer = await page.get(path, headers=headers)
    assert answer.status_code == status
    assert {"www-authenticate", "retry-after"} <= exposed(answer)


async def test_a_page_reads_that_its_body_is_too_large(page: Client):
    answer = await page.http.patch("/v1/transcriptions/x/speakers/y", content=bytes(20_000))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert exposed(answer)


async def test_another_origin_gets_no_permission(page: Client):
    answer = await page.get("/v1/transcriptions", headers={"Origin": "https://evil.example"})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers
    assert "Origin" in answer.headers["vary"]
