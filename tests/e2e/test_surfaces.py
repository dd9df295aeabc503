"""Other endpoints than transcriptions: documentation, OpenAPI, health, metrics."""

from __future__ import annotations

import re
import subprocess
import sys

import httpx
import pytest
from monitoring.metric_names import SUFFIXES, documented_metrics, external_metrics, metrics_used
from support.front_door import FrontDoor

# What the operator exports when it starts: it runs only in a cluster.
OPERATOR = """
import prometheus_client
import voicepipe_autoscaler.operator.__main__
print(prometheus_client.generate_latest().decode())
"""
PROCESSES = ("upload", "status", "prepare", "transcribe-accurate", "assemble", "controller")


@pytest.mark.parametrize("service", ["upload", "status"])
def test_the_gateway_serves_the_openapi_document_of_both_services(stack, service):
    document = httpx.get(f"{stack.url}/v1/openapi/{service}.json").raise_for_status().json()
    assert document["openapi"].startswith("3.1")
    assert document["paths"]
    assert all(path.startswith(("/v1/", "/version")) for path in document["paths"])


def test_the_two_openapi_documents_share_no_operation(stack):
    operations = [
        (path, method)
        for service in ("upload", "status")
        for path, methods in httpx.get(f"{stack.url}/v1/openapi/{service}.json").json()["paths"].items()
        for method in methods
    ]
    assert ("/v1/transcriptions", "post") in operations
    assert ("/v1/transcriptions", "get") in operations
    assert len(operations) == len(set(operations))


def test_one_page_documents_both_services_without_a_key(stack):
    page = httpx.get(f"{stack.url}/docs")
    assert page.headers["content-type"].startswith("text/html")
    for service in ("upload", "status"):
        assert f"/v1/openapi/{service}.json" in page.text


def test_capabilities_list_the_served_model(door: FrontDoor):
    offered = door.http.get("/v1/capabilities").json()
    assert [(model["name"], model["tier"]) for model in offered["models"]] == [("accurate", "accurate")]
    assert offered["workers"]["transcribe"] == 1
    assert [model["state"] for model in offered["models"]] == ["ready"]
    assert offered["speakers"] == {"available": False, "state": "off", "ready_in_s": None}


@pytest.mark.parametrize("name", PROCESSES)
def test_every_service_serves_health_and_metrics(stack, name):
    address = f"http://{stack.component(name)['address']}"
    assert httpx.get(f"{address}/healthz").json()["status"] == "ok"
    ready = httpx.get(f"{address}/readyz")
    assert ready.status_code == httpx.codes.OK
    assert set(ready.json()["checks"].values()) == {"ok"}
    metrics = httpx.get(f"{address}/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    assert 'voicepipe_dependency_up{dependency="postgresql"} 1.0' in metrics.text


def test_a_running_stack_exports_every_metric_that_is_documented_or_used_in_alerts_and_dashboards(stack):
    exported: set[str] = set()
    for name in PROCESSES:
        exported |= exported_in(httpx.get(f"http://{stack.component(name)['address']}/metrics").text)
    operator = subprocess.run([sys.executable, "-c", OPERATOR], check=True, capture_output=True, text=True)
    exported |= exported_in(operator.stdout)
    assert metrics_used() - external_metrics() - exported == set()
    assert documented_metrics().keys() - exported == set()


def exported_in(text: str) -> set[str]:
    """The names of the series in the text of `/metrics`."""
    found = re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE)
    return {metric + suffix for metric, kind in found for suffix in SUFFIXES.get(kind, ("",))}


def test_the_problem_for_an_unknown_path_names_the_documentation(stack):
    answer = httpx.get(f"{stack.url}/transcribe")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "/docs" in answer.json()["detail"]
