"""Pages of allowed origins can call upload from a browser: preflights, exposed headers, readable errors."""

import pytest
from tus_client import BYTES, TUS, create, metadata

PAGE = "https://app.example.org"
EXPOSED = [
    "Location",
    "Upload-Offset",
    "Upload-Length",
    "Upload-Metadata",
    "Upload-Expires",
    "Tus-Resumable",
    "Tus-Version",
    "Tus-Extension",
    "Tus-Max-Size",
    "Transcription-Id",
    "Transcription-Location",
    "Idempotency-Replayed",
    "Retry-After",
]


@pytest.fixture
def process(processes):
    return processes(cors_origins=f"{PAGE}, http://LOCALHOST:5173,https://other.example.org:443", max_upload_bytes=1000)


def origin(page=PAGE, **more):
    return {"Origin": page} | more


def assert_readable(answer, page=PAGE):
    """The page may read the response. `get_list`: a header that comes twice makes it unreadable."""
    assert answer.headers.get_list("access-control-allow-origin") == [page]
    exposed = {each.strip() for each in answer.headers["access-control-expose-headers"].split(",")}
    assert exposed >= set(EXPOSED)
    assert "Origin" in answer.headers["vary"]
    assert "access-control-allow-credentials" not in answer.headers


async def test_a_preflight_needs_no_key_and_allows_the_headers_of_tus(client, gateway, process):
    wanted = "authorization,content-type,idempotency-key,tus-resumable,upload-length,upload-metadata,upload-offset"
    for method, path in (
        ("POST", "/v1/uploads"),
        ("PATCH", "/v1/uploads/x"),
        ("HEAD", "/v1/uploads/x"),
        ("DELETE", "/v1/uploads/x"),
    ):
        asks = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": wanted}
        for page in (PAGE, "http://localhost:5173", "https://other.example.org"):
            for url in (process.url, gateway):
                answer = await client.options(url + path, headers=origin(page, Authorization="", **asks))
                assert answer.status_code == 200
                assert answer.headers.get_list("access-control-allow-origin") == [page]
                assert answer.headers["access-control-allow-headers"] == wanted
                assert method in answer.headers["access-control-allow-methods"].split(", ")
                assert int(answer.headers["access-control-max-age"]) > 0


async def test_every_response_of_an_upload_is_readable(client, gateway, recording):
    client.base_url = gateway
    client.headers.update(origin())
    answer = await client.post("/v1/uploads", headers=TUS | {"Upload-Length": "900"} | metadata(filename="a.wav"))
    assert_readable(answer)
    url = answer.headers["location"]
    assert_readable(await client.head(url, headers=TUS))
    last = await client.patch(url, content=recording(900), headers=BYTES | {"Upload-Offset": "0"})
    assert_readable(last)
    assert last.headers["transcription-id"]
    again = await client.post("/v1/transcriptions", content=recording(900), headers={"Idempotency-Key": "a"})
    assert_readable(again)
    assert_readable(await client.options("/v1/uploads"))


ERRORS = [
    ("/v1/transcriptions", {"headers": {"Authorization": "Bearer vp_wrong"}, "content": b"R" * 100}, 401),
    ("/v1/transcriptions", {"content": b"R" * 3_000_000}, 413),
    ("/v1/transcriptions", {"content": b"PK\x03\x04" + bytes(500)}, 415),
    ("/v1/transcriptions?lang=en", {"content": b"R"}, 400),
    ("/v1/uploads", {"headers": TUS | {"Upload-Length": "1001"}}, 413),
    ("/v1/uploads", {"headers": {"Upload-Length": "1"}}, 412),
    ("/v1/uploads/unknown", {"headers": TUS}, 405),
    ("/v1/nothing", {}, 404),
]


async def test_an_error_is_readable_too(client):
    for path, request, status in ERRORS:
        answer = await client.post(path, **{**request, "headers": origin() | request.get("headers", {})})
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert_readable(answer)


async def test_a_bug_is_readable_too(client, database):
    await database.execute("ALTER TABLE api_keys RENAME TO gone")
    answer = await client.post("/v1/transcriptions", content=b"R", headers=origin())
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert_readable(answer)


async def test_another_origin_gets_no_permission(client):
    asks = {"Access-Control-Request-Method": "POST"}
    for page in ("https://app.example.org.evil.example", "http://app.example.org", "null", ""):
        for path in ("/v1/uploads", "/v1/transcriptions"):
            for method, more in (("OPTIONS", asks), ("POST", TUS)):
                answer = await client.request(method, path, headers=origin(page, **more))
                assert "access-control-allow-origin" not in answer.headers
                assert "Origin" in answer.headers["vary"]


async def test_any_origin_is_allowed_if_the_operator_says_so(processes, client):
    process = processes(cors_origins="*")
    answer = await client.post(f"{process.url}/v1/uploads", headers=origin("https://who.example") | TUS)
    assert_readable(answer, "*")


async def test_by_default_no_origin_is_allowed(make_client):
    answer = await (await make_client()).post("/v1/uploads", headers=origin() | TUS)
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_a_client_that_is_no_page_is_served_as_before(client):
    assert "access-control-allow-origin" not in (await client.options("/v1/uploads")).headers
    assert await create(client, 100)


@pytest.mark.parametrize(
    "origins", ["app.example.org", "https://app.example.org/", "https://a.example b.example", "ftp://a"]
)
def test_a_setting_that_is_no_origin_is_refused(settings, origins):
    with pytest.raises(ValueError, match="origin"):
        settings(cors_origins=origins)
