"""Capabilities, documentation, metrics and health."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
from openapi_spec_validator import OpenAPIV31SpecValidator
from voicepipe_wire.error_catalogue import REQUESTS

from .conftest import Client, Pipeline, Service

DOCS = Path(__file__).parents[3] / "docs"


async def test_capabilities_list_what_is_served_now(alice: Client, pipeline: Pipeline):
    await pipeline.pool.execute(
        "INSERT INTO models (name, description) VALUES ('accurate', $1)", {"tier": "accurate", "engine": "ctranslate2"}
    )
    await pipeline.pool.execute(
        """
        INSERT INTO workers (id, stage, version, seen_at) VALUES
        (gen_random_uuid(), 'transcribe', '1', now()), (gen_random_uuid(), 'transcribe', '1', now()),
        (gen_random_uuid(), 'diarize', '1', now() - interval '31 seconds')
        """
    )
    answer = (await alice.get("/v1/capabilities")).json()
    (model,) = answer["models"]
    assert (model["name"], model["tier"], model["engine"]) == ("accurate", "accurate", "ctranslate2")
    assert {"code": "en", "name": "English"} in answer["languages"]
    assert answer["tasks"] == ["transcribe", "translate"]
    assert answer["channels"] == ["auto", "mix", "separate"]
    assert answer["limits"]["max_track"] == 64
    assert answer["formats"] == ["json", "txt", "srt", "vtt", "rttm"]
    assert answer["workers"] == {"transcribe": 2}
    assert model["state"] == "ready"
    assert model["ready_in_s"] == 0
    assert answer["speakers"] == {"available": True, "state": "away", "ready_in_s": None}
    await pipeline.pool.execute("UPDATE workers SET seen_at = now()")
    await pipeline.pool.execute("UPDATE models SET seen_at = now() - interval '31 seconds'")
    answer = (await alice.get("/v1/capabilities")).json()
    assert answer["speakers"] == {"available": True, "state": "ready", "ready_in_s": 0}
    assert (answer["models"][0]["state"], answer["models"][0]["ready_in_s"]) == ("away", None)
    await pipeline.pool.execute("UPDATE models SET retired_at = now()")
    assert (await alice.get("/v1/capabilities")).json()["models"] == []


async def test_an_installation_without_a_diarizer_says_so(start):
    async with start(speakers=False) as service:
        answer = await (await service.user()).get("/v1/capabilities")
    assert answer.json()["speakers"] == {"available": False, "state": "off", "ready_in_s": None}


async def test_capabilities_of_an_installation_without_workers_are_empty(alice: Client):
    answer = (await alice.get("/v1/capabilities")).json()
    assert (answer["models"], answer["workers"]) == ([], {})


async def test_the_openapi_document_is_valid_and_every_route_lists_its_problems(service: Service):
    async with httpx.AsyncClient(base_url=service.url) as client:
        document = (await client.get("/v1/openapi/status.json")).json()
    OpenAPIV31SpecValidator(document).validate()
    open_to_all = {"/version"}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["operationId"], where
            assert operation["summary"], where
            if path in open_to_all:
                continue
            assert operation["security"], where
            for status in ("401", "422", "503"):
                examples = operation["responses"][status]["content"]["application/problem+json"]["examples"]
                assert all(name in REQUESTS for name in examples), where
            assert ("404" in operation["responses"]) == ("{" in path), where
    assert set(document["paths"]) >= {
        "/v1/transcriptions",
        "/v1/transcriptions/{job_id}/events",
        "/v1/transcriptions/{job_id}/speakers/{speaker}",
        "/v1/transcriptions/{job_id}/diarization",
        "/v1/admin/dead-letters/{sequence}/redrive",
    }
    assert "HTTPValidationError" not in document["components"]["schemas"]


async def test_the_documentation_works_offline(service: Service):
    async with httpx.AsyncClient(base_url=service.url) as client:
        page = await client.get("/docs")
        assert page.status_code == 200
        wanted = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert "/docs/page.js" in wanted
        for address in wanted:
            assert address.startswith("/"), address
            if "upload" not in address:
                assert (await client.get(address)).status_code == 200, address
        assert (await client.get("/docs/nothing.js")).status_code == 404
        assert (await client.get("/docs/..%2fapp.py")).status_code == 404


async def test_version_and_health_need_no_key(service: Service):
    async with httpx.AsyncClient(base_url=service.url) as client:
        assert (await client.get("/version")).json()["service"] == "status"
        assert (await client.get("/healthz")).status_code == 200


async def test_every_metric_is_documented(service: Service, alice: Client):
    await alice.get("/v1/transcriptions")
    async with httpx.AsyncClient(base_url=service.url) as client:
        text = (await client.get("/metrics")).text
    documented = (DOCS / "metrics.md").read_text()
    for name in re.findall(r"^# HELP (voicepipe_event\w*|voicepipe_changes\w*)", text, re.MULTILINE):
        assert name.endswith("_created") or f"`{name}`" in documented, name
    assert 'route="/v1/transcriptions"' in text


async def test_an_unknown_path_is_a_problem(alice: Client):
    answer = await alice.get("/v1/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.headers["content-type"] == "application/problem+json"
