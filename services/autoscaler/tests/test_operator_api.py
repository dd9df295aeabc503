"""Requests to the Kubernetes API: fenced, and with their errors."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import kopf
import pytest
from aiohttp import web
from prometheus_client import REGISTRY
from voicepipe_autoscaler.control.target import TargetAway
from voicepipe_autoscaler.operator.api import Api, KubernetesLease
from voicepipe_autoscaler.operator.cluster import Cluster
from voicepipe_autoscaler.operator.rest import ApiError, Rest
from voicepipe_autoscaler.operator.status import PoolEvent

EVENT = PoolEvent("WokenUp", "Normal", "0 -> 1")
WRITES = {
    "scale": ("deployment", 2, "7"),
    "annotate_cost": ("pod", 5),
    "set_status": ("pool", {"reason": "Steady"}),
    "post": ("pool", "uid", EVENT, 1.0),
}
READS: dict[str, tuple[Any, ...]] = {"hpa_targets": (), "nodes": (), "objects": ("v1", "pods", {"a": "b"})}


class Requests:
    """Records requests, and answers each with `error` if there is one."""

    def __init__(self, error: ApiError | None = None) -> None:
        self.sent: list[tuple[Any, ...]] = []
        self._error = error

    async def request(self, *request: Any) -> dict[str, Any]:
        self.sent.append(request)
        if self._error is not None:
            raise self._error
        return {"items": []}


def api(requests: Requests, *, leads: bool = True) -> Api:
    return Api(requests, "here", lambda: leads, "test")  # type: ignore[arg-type]


def test_every_request_is_tested_here():
    public = {name for name, _ in inspect.getmembers(Api, inspect.iscoroutinefunction) if not name.startswith("_")}
    assert public == WRITES.keys() | READS.keys()


@pytest.mark.parametrize("name", WRITES)
async def test_a_process_that_does_not_lead_writes_nothing(name):
    requests = Requests()
    with pytest.raises(TargetAway, match="does not lead"):
        await getattr(api(requests, leads=False), name)(*WRITES[name])
    assert requests.sent == []
    await getattr(api(requests), name)(*WRITES[name])
    assert len(requests.sent) == 1


@pytest.mark.parametrize("name", [*WRITES, *READS])
@pytest.mark.parametrize("status", [0, 403, 500])
async def test_a_request_that_fails_is_a_target_that_is_away(name, status):
    with pytest.raises(TargetAway):
        await getattr(api(Requests(ApiError(status, "no"))), name)(*{**WRITES, **READS}[name])


async def test_a_pod_that_is_gone_needs_no_cost_and_an_event_that_exists_no_second_one():
    await api(Requests(ApiError(404, "gone"))).annotate_cost("pod", 5)
    await api(Requests(ApiError(409, "exists"))).post("pool", "uid", EVENT, 1.0)
    with pytest.raises(TargetAway):
        await api(Requests(ApiError(404, "gone"))).set_status("pool", {})


def body(name: str, version: str = "old") -> dict[str, Any]:
    return {"metadata": {"name": name, "resourceVersion": version}}


async def test_what_the_watches_have_lost_is_found_by_a_listing():
    cluster = Cluster()
    for name in ("gone", "changed", "same"):
        cluster.saw(cluster.pods, None, body(name))

    async def list_objects(version: str, plural: str, labels: Any) -> dict[str, Any]:
        return {"changed": body("changed", "new"), "same": body("same"), "unseen": body("unseen")}

    await cluster.refresh(list_objects, {})
    assert cluster.pods == {"changed": body("changed", "new"), "same": body("same"), "unseen": body("unseen")}


async def test_what_a_watch_says_during_a_listing_is_newer_than_the_listing():
    cluster = Cluster()
    for name in ("deleted", "changed", "again"):
        cluster.saw(cluster.pods, None, body(name))

    async def list_objects(version: str, plural: str, labels: Any) -> dict[str, Any]:
        if plural == "pods":
            cluster.saw(cluster.pods, "DELETED", body("deleted"))
            cluster.saw(cluster.pods, "MODIFIED", body("changed", "newest"))
            cluster.saw(cluster.pods, "ADDED", body("again", "another"))
            cluster.saw(cluster.pods, "ADDED", body("created"))
        return {"deleted": body("deleted"), "changed": body("changed", "new")}

    await cluster.refresh(list_objects, {})
    assert cluster.pods == {
        "changed": body("changed", "newest"),
        "again": body("again", "another"),
        "created": body("created"),
    }


def requests_counted(verb: str) -> float:
    return REGISTRY.get_sample_value("voicepipe_operator_api_requests_total", {"verb": verb}) or 0.0


async def test_requests_are_counted_whether_they_fail_or_not():
    before = requests_counted("status"), requests_counted("lease")
    await api(Requests()).set_status("pool", {})
    with pytest.raises(TargetAway):
        await api(Requests(ApiError(500, "no"))).set_status("pool", {})
    await KubernetesLease(Requests(), "here", "lease").get()  # type: ignore[arg-type]
    assert (requests_counted("status"), requests_counted("lease")) == (before[0] + 2, before[1] + 1)


@pytest.fixture
async def server(monkeypatch):
    """An API server that wants the newest token. `answers` are functions of its requests."""
    state: dict[str, Any] = {"token": 0, "logins": 0, "answer": lambda _: web.json_response({"ok": True})}

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {state['token']}":
            return web.Response(status=401, text="Unauthorized")
        answer = state["answer"](request)
        return await answer if inspect.isawaitable(answer) else answer

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]

    def log_in(**_: Any) -> kopf.ConnectionInfo:
        state["logins"] += 1
        return kopf.ConnectionInfo(server=f"http://127.0.0.1:{port}", token=str(state["token"]))

    monkeypatch.setattr(kopf, "login_with_service_account", log_in)
    yield state
    await runner.cleanup()


async def test_a_new_token_is_fetched_once_and_no_request_is_lost(server):
    async with Rest(kopf.OperatorSettings()) as rest:
        for _ in range(3):
            server["token"] += 1
            server["logins"] = 0
            answers = await asyncio.gather(*(rest.request("GET", "/version") for _ in range(20)))
            assert answers == [{"ok": True}] * 20
            assert server["logins"] == 1


async def test_a_login_does_not_break_requests_under_way(server):
    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(0.5)
        return web.json_response({"slow": True})

    async with Rest(kopf.OperatorSettings()) as rest:
        server["answer"] = slow
        running = asyncio.create_task(rest.request("GET", "/slow"))
        await asyncio.sleep(0.1)
        rest._login_at -= 1000
        server["answer"] = lambda _: web.json_response({"ok": True})
        assert await rest.request("GET", "/quick") == {"ok": True}
        assert await running == {"slow": True}


async def test_errors_in_plain_text_keep_their_status(server):
    server["answer"] = lambda _: web.Response(status=503, text="apiserver not ready")
    async with Rest(kopf.OperatorSettings()) as rest:
        with pytest.raises(ApiError) as error:
            await rest.request("GET", "/version")
        assert error.value.status == 503


async def test_a_request_takes_as_long_as_the_fencing_allows_and_no_longer(server, monkeypatch):
    monkeypatch.setattr("voicepipe_autoscaler.operator.rest.TIMEOUT_S", 0.3)

    async def never(_: web.Request) -> web.Response:
        await asyncio.sleep(1)
        return web.Response()

    server["answer"] = never
    async with Rest(kopf.OperatorSettings()) as rest:
        with pytest.raises(ApiError) as error:
            await rest.request("GET", "/version")
        assert error.value.status == 0
