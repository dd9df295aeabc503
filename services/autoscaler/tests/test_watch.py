"""kopf in its thread, without an API."""

import asyncio
import json
import time

import kopf
import pytest
from aiohttp import web
from voicepipe_autoscaler.operator import cluster
from voicepipe_autoscaler.operator.cluster import Cluster, operator_settings


@pytest.fixture(autouse=True)
def unreachable(monkeypatch):
    """An API server that refuses connections."""
    made = kopf.ConnectionInfo(server="http://127.0.0.1:9", token="x")
    monkeypatch.setattr(kopf, "login_with_service_account", lambda **_: made)


async def test_the_watch_ends_when_it_is_stopped_although_the_api_is_away():
    stop = asyncio.Event()
    watching = asyncio.create_task(cluster.watch(Cluster(), "here", {"a": "b"}, operator_settings(), stop))
    await asyncio.sleep(2)
    assert not watching.done(), "it waits for the API"
    began = time.monotonic()
    stop.set()
    await asyncio.wait_for(watching, 15)
    assert time.monotonic() - began < 10  # kopf gives tasks that hang five seconds


async def test_watches_that_end_by_themselves_end_the_operator():
    settings = operator_settings()
    settings.networking.error_backoffs = [0.1]
    with pytest.raises(Exception, match=r"watches have ended|127\.0\.0\.1"):
        async with asyncio.timeout(30):
            await cluster.watch(Cluster(), "here", {"a": "b"}, settings, asyncio.Event())


KINDS = {
    "/api/v1": {"pods": "Pod", "namespaces": "Namespace"},
    "/apis/apps/v1": {"deployments": "Deployment"},
    "/apis/voicepipe.io/v1alpha1": {"workerpools": "WorkerPool"},
}


async def resources(request: web.Request) -> web.Response:
    found = [
        {
            "name": plural,
            "singularName": "",
            "kind": kind,
            "namespaced": kind != "Namespace",
            "verbs": ["list", "watch"],
        }
        for plural, kind in KINDS[request.path].items()
    ]
    return web.json_response({"kind": "APIResourceList", "resources": found})


async def versions(_: web.Request) -> web.Response:
    return web.json_response({"versions": ["v1"]})


async def groups(_: web.Request) -> web.Response:
    found = []
    for name, version in (("apps", "v1"), ("voicepipe.io", "v1alpha1")):
        served = {"groupVersion": f"{name}/{version}", "version": version}
        found.append({"name": name, "versions": [served], "preferredVersion": served})
    return web.json_response({"kind": "APIGroupList", "groups": found})


async def objects(request: web.Request) -> web.StreamResponse:
    """An empty list, and a watch that reports an error after a moment if it is one of pods."""
    if "watch" not in request.query:
        return web.json_response({"kind": "List", "metadata": {"resourceVersion": "1"}, "items": []})
    answer = web.StreamResponse()
    await answer.prepare(request)
    await asyncio.sleep(1)
    if request.path.endswith("/pods"):
        error = {"type": "ERROR", "object": {"kind": "Status", "code": 500, "message": "broken"}}
        await answer.write(json.dumps(error).encode() + b"\n")
    await asyncio.sleep(60)
    return answer


async def test_one_watch_that_breaks_ends_the_operator(monkeypatch):
    app = web.Application()
    app.router.add_get("/api", versions)
    app.router.add_get("/apis", groups)
    for path in KINDS:
        app.router.add_get(path, resources)
        app.router.add_get(f"{path}/namespaces/here/{{plural}}", objects)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made = kopf.ConnectionInfo(server=f"http://127.0.0.1:{runner.addresses[0][1]}", token="x")
    monkeypatch.setattr(kopf, "login_with_service_account", lambda **_: made)
    try:
        with pytest.raises(Exception, match="broken"):
            async with asyncio.timeout(30):
                await cluster.watch(Cluster(), "here", {"a": "b"}, operator_settings(), asyncio.Event())
    finally:
        await runner.cleanup()
