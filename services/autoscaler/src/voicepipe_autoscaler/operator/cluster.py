"""The cluster as kopf's watches show it: WorkerPools, and the Deployments and pods of their namespace.

Watches cost nothing at rest. kopf calls the handlers for every object at the start and for each change. A watch can lose a deletion, and a
connection that has fallen silent is noticed only when no bookmark has come for 70 s. So `refresh` compares with what exists. The handlers
only store what they are given: they add no finalizer and no annotation to any object.

kopf runs in a thread of its own with its own event loop: in the main one it would replace the signal handlers of the process, and
cancel tasks that are not its own when it ends.

Races:

- The main thread reads the dictionaries while kopf's thread changes them. Each read that goes over several objects copies them first,
  which is one operation of the interpreter.
- An object changes while `refresh` waits for its list. What the watch has said meanwhile may be newer, so it stays. One that was created and
  deleted meanwhile may come back, until the next `refresh`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import kopf
from voicepipe_wire import aio

from .worker_pool import GROUP, PLURAL, VERSION

Body = Mapping[str, Any]
# The objects by name of an API version and plural that have these labels.
ListObjects = Callable[[str, str, Mapping[str, str]], Awaitable[Mapping[str, Body]]]


@dataclass(slots=True)
class Cluster:
    """The objects by name, as they were last seen."""

    pools: dict[str, Body] = field(default_factory=dict)
    deployments: dict[str, Body] = field(default_factory=dict)
    pods: dict[str, Body] = field(default_factory=dict)
    _changing: threading.Lock = field(default_factory=threading.Lock)

    async def refresh(self, list_objects: ListObjects, selector: Mapping[str, str]) -> None:
        """Take over what the watches have not said: what is new, has changed, or no longer exists."""
        for version, plural, bodies, labels in (
            (f"{GROUP}/{VERSION}", PLURAL, self.pools, {}),
            ("apps/v1", "deployments", self.deployments, selector),
            ("v1", "pods", self.pods, selector),
        ):
            before = dict(bodies)
            existing = await list_objects(version, plural, labels)
            with self._changing:
                for name in before.keys() | existing.keys():
                    if bodies.get(name) is before.get(name):
                        _set(bodies, name, existing.get(name))

    def saw(self, bodies: dict[str, Body], kind: str | None, body: Body) -> None:
        """What a watch says of an object of `bodies`."""
        with self._changing:
            _set(bodies, body["metadata"]["name"], None if kind == "DELETED" else dict(body))

    def pods_of(self, deployment: Body) -> list[Body]:
        """The pods that the selector of a Deployment selects."""
        wanted: Mapping[str, str] = deployment["spec"]["selector"].get("matchLabels") or {}
        return [
            pod
            for pod in list(self.pods.values())
            if all((pod["metadata"].get("labels") or {}).get(key) == value for key, value in wanted.items())
        ]


def _set(bodies: dict[str, Body], name: str, body: Body | None) -> None:
    if body is None:
        bodies.pop(name, None)
    else:
        bodies[name] = body


async def watch(
    cluster: Cluster, namespace: str, selector: Mapping[str, str], settings: kopf.OperatorSettings, stop: asyncio.Event
) -> None:
    """Keep `cluster` up to date until `stop`. `selector` are the labels of Deployments and pods that may be targets.

    Raises:
        RuntimeError: the watches have ended before; without them nothing is seen.
    """
    stopped = threading.Event()

    async def run() -> None:
        try:
            await kopf.operator(
                registry=_registry(cluster, selector), settings=settings, namespaces=[namespace], stop_flag=stopped
            )
        finally:
            stopped.set()  # a thread of kopf waits for it, and the end of its event loop for that thread

    watching = asyncio.create_task(asyncio.to_thread(lambda: asyncio.run(run())))
    try:
        async with aio.background(stop.wait()) as waiting:
            await asyncio.wait({watching, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.set()
    await watching
    if not stop.is_set():
        raise RuntimeError("the watches have ended")


def operator_settings() -> kopf.OperatorSettings:
    """No peering, no scan of the whole cluster, and no state on any object. A dead API is waited for for five minutes."""
    made = kopf.OperatorSettings()
    made.peering.standalone = True
    made.scanning.disabled = True
    made.posting.enabled = False
    made.networking.request_timeout = 20
    made.networking.connect_timeout = 5
    made.networking.error_backoffs = [1, 1, 2, 3, 5, 8, *[10] * 30]
    made.watching.inactivity_timeout = 70  # a bookmark comes every 60 s; less would connect again all the time
    made.process.ultimate_exiting_timeout = 20
    return made


def _registry(cluster: Cluster, selector: Mapping[str, str]) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(kopf.login_with_service_account)
    kopf.on.login(registry=registry)(kopf.login_with_kubeconfig)
    labels = dict(selector)

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
    async def on_pool(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - kopf passes it by this name
        cluster.saw(cluster.pools, type, body)

    @kopf.on.event("apps", "v1", "deployments", labels=labels, registry=registry)
    async def on_deployment(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - as above
        cluster.saw(cluster.deployments, type, body)

    @kopf.on.event("", "v1", "pods", labels=labels, registry=registry)
    async def on_pod(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - as above
        cluster.saw(cluster.pods, type, body)

    return registry
