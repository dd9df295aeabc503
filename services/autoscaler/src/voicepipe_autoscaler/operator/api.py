"""What the operator does with the Kubernetes API beside watching it. Every write but that of the Lease is fenced by it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from prometheus_client import Counter

from voicepipe_autoscaler.control.target import TargetAway
from voicepipe_autoscaler.victims import DELETION_COST

from .lease import LeaseConflict
from .rest import MERGE_PATCH, ApiError, Rest
from .status import PoolEvent
from .worker_pool import GROUP, KIND, PLURAL, VERSION

REQUESTS = Counter("voicepipe_operator_api_requests_total", "Requests to the Kubernetes API", ["verb"])
ERRORS = Counter("voicepipe_operator_api_errors_total", "Requests to the Kubernetes API that failed", ["verb"])
LONGEST_NOTE = 1000  # the API takes 1024 bytes


class Api:
    """The API of one namespace. Methods raise TargetAway if they fail; those that write, also if this process does not lead."""

    def __init__(self, rest: Rest, namespace: str, may_write: Callable[[], bool], reporter: str) -> None:
        self._rest = rest
        self._namespace = namespace
        self._may_write = may_write
        self._reporter = reporter

    async def scale(self, deployment: str, replicas: int, resource_version: str) -> None:
        """Set the replicas of the Deployment that was seen at `resource_version`."""
        body = {"metadata": {"resourceVersion": resource_version}, "spec": {"replicas": replicas}}
        await self._patch("scale", f"{self._path('apps/v1')}/deployments/{deployment}/scale", body)

    async def annotate_cost(self, pod: str, cost: int) -> None:
        """Write the cost of deleting a pod, unless it has been deleted meanwhile."""
        body = {"metadata": {"annotations": {DELETION_COST: str(cost)}}}
        await self._patch("annotate", f"{self._path('v1')}/pods/{pod}", body, accept=HTTPStatus.NOT_FOUND)

    async def set_status(self, pool: str, status: Mapping[str, Any]) -> None:
        path = f"{self._path(f'{GROUP}/{VERSION}')}/{PLURAL}/{pool}/status"
        await self._patch("status", path, {"status": status})

    async def post(self, name: str, uid: str, event: PoolEvent, now_s: float) -> None:
        """Post an event about a pool. Its name follows from its content, so a repeated request posts nothing new."""
        digest = hashlib.sha256(f"{uid}{event.reason}{event.note}{now_s:.0f}".encode()).hexdigest()[:16]
        body = {
            "metadata": {"name": f"{name}.{digest}", "namespace": self._namespace},
            "eventTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "action": "Scaling",
            "reason": event.reason,
            "type": event.kind,
            "note": event.note[:LONGEST_NOTE],
            "regarding": {
                "apiVersion": f"{GROUP}/{VERSION}",
                "kind": KIND,
                "name": name,
                "namespace": self._namespace,
                "uid": uid,
            },
            "reportingController": f"{GROUP}/autoscaler",
            "reportingInstance": self._reporter,
        }
        self._check_leads()
        await self._try("event", "POST", f"{self._path('events.k8s.io/v1')}/events", body, accept=HTTPStatus.CONFLICT)

    async def hpa_targets(self) -> dict[str, str]:
        """The Deployments that HorizontalPodAutoscalers scale, with the names of these."""
        found = await self._try("hpas", "GET", f"{self._path('autoscaling/v2')}/horizontalpodautoscalers")
        return {
            one["spec"]["scaleTargetRef"]["name"]: one["metadata"]["name"]
            for one in found["items"]
            if one["spec"]["scaleTargetRef"]["kind"] == "Deployment"
        }

    async def objects(self, version: str, plural: str, selector: Mapping[str, str]) -> dict[str, Mapping[str, Any]]:
        """The objects that exist now, by name."""
        labels = ",".join(f"{key}={value}" for key, value in selector.items())
        query = f"?{urlencode({'labelSelector': labels})}" if labels else ""
        found = await self._try("list", "GET", f"{self._path(version)}/{plural}{query}")
        return {one["metadata"]["name"]: one for one in found["items"]}

    async def nodes(self) -> list[Mapping[str, Any]]:
        found = await self._try("nodes", "GET", "/api/v1/nodes")
        items: list[Mapping[str, Any]] = found["items"]
        return items

    def _path(self, version: str) -> str:
        return namespaced(version, self._namespace)

    def _check_leads(self) -> None:
        if not self._may_write():
            raise TargetAway("this process does not lead")

    async def _patch(self, verb: str, path: str, body: Mapping[str, Any], accept: HTTPStatus | None = None) -> None:
        self._check_leads()
        await self._try(verb, "PATCH", path, body, MERGE_PATCH, accept=accept)

    async def _try(self, verb: str, *request: Any, accept: HTTPStatus | None = None) -> dict[str, Any]:
        """The answer; nothing for an error of the status `accept`."""
        REQUESTS.labels(verb).inc()
        try:
            return await self._rest.request(*request)
        except ApiError as error:
            if error.status == accept:
                return {}
            ERRORS.labels(verb).inc()
            raise TargetAway(f"{verb}: {error.status or ''} {error}".replace("  ", " ")) from error


class KubernetesLease:
    """Implements `LeaseStore`."""

    def __init__(self, rest: Rest, namespace: str, name: str) -> None:
        self._rest = rest
        self._metadata = {"name": name, "namespace": namespace}
        self._path = f"{namespaced('coordination.k8s.io/v1', namespace)}/leases"

    async def get(self) -> Mapping[str, Any] | None:
        REQUESTS.labels("lease").inc()
        try:
            return await self._rest.request("GET", f"{self._path}/{self._metadata['name']}")
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise ConnectionError(str(error)) from error

    async def put(self, spec: Mapping[str, Any], resource_version: str | None) -> Mapping[str, Any]:
        metadata = {**self._metadata, **({"resourceVersion": resource_version} if resource_version else {})}
        body = {"metadata": metadata, "spec": spec}
        REQUESTS.labels("lease").inc()
        try:
            if resource_version is None:
                return await self._rest.request("POST", self._path, body)
            return await self._rest.request("PUT", f"{self._path}/{self._metadata['name']}", body)
        except ApiError as error:
            if error.status == HTTPStatus.CONFLICT:
                raise LeaseConflict from error
            raise ConnectionError(str(error)) from error


def namespaced(version: str, namespace: str) -> str:
    """The path of the objects of an API version in a namespace."""
    return f"/{'api' if version == 'v1' else 'apis'}/{version}/namespaces/{namespace}"
