"""The whole pipeline on one machine, as `make up` starts it."""

import httpx
import pytest

PROBLEM = "application/problem+json"


@pytest.fixture
def client(stack):
    with httpx.Client(base_url=stack.url, headers=stack.headers, timeout=30) as client:
        yield client


def test_every_component_is_healthy_and_reports_version_address_and_memory(stack):
    for component in stack.ask("ps")["components"]:
        assert (component["state"], component["health"]) == ("up", "healthy"), component
        assert component["version"]
        assert component["address"].startswith("127.0.0.1:")
        assert component["memory_bytes"] > 0


def test_only_this_user_can_read_the_first_key(stack):
    assert (stack.data / "api-key").stat().st_mode & 0o077 == 0


def test_both_services_accept_the_first_key(client):
    assert client.get("/v1/transcriptions").status_code == 200
    assert client.options("/v1/uploads").headers["tus-version"] == "1.0.0"
    assert client.post("/v1/transcriptions", content=b"").status_code == 400
    assert client.get("/version").status_code == 200


def test_both_services_refuse_a_request_without_a_key(stack):
    assert httpx.get(f"{stack.url}/v1/transcriptions").status_code == 401
    assert httpx.post(f"{stack.url}/v1/transcriptions", content=b"x").status_code == 401


@pytest.mark.parametrize("path", ["/metrics", "/readyz", "/", "/nothing"])
def test_internal_paths_are_not_exposed_to_clients(client, path):
    response = client.get(path)
    assert response.status_code == 404
    assert response.headers["content-type"] == PROBLEM
    assert response.json()["code"] == "not_found"


def test_a_stack_continues_after_a_crash(private_stack):
    stack = private_stack(workers={"transcribe": 2})
    assert stack.component("transcribe-accurate-2")["health"] == "healthy"
    before = (stack.url, stack.api_key)
    stack.kill("status")
    stack.wait_until_healthy("status", restarts=1)
    stack.stop_component("status")
    refused = httpx.get(f"{stack.url}/v1/transcriptions", headers=stack.headers, timeout=30)
    assert (refused.status_code, refused.headers["content-type"]) == (503, PROBLEM)
    assert "retry-after" in refused.headers
    stack.crash()
    assert not stack.is_running()
    stack.up()
    assert (stack.url, stack.api_key) == before
    assert httpx.get(f"{stack.url}/v1/transcriptions", headers=stack.headers).status_code == 200
    stack.down()
    assert not stack.is_running()
