"""Requests to the Kubernetes API, with the account of this pod, or outside a cluster with the current context of KUBECONFIG.

kopf has no public way to make requests, but public logins; these are used here. The token of a pod changes every hour, so a login is used for
ten minutes, and after a 401 no longer.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import aiohttp
import kopf

LOGIN_FOR_S = 600.0
TIMEOUT_S = 3.0
MERGE_PATCH = "application/merge-patch+json"


class ApiError(Exception):
    """The API refused a request, or could not be reached (`status` is 0)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Rest:
    """A client of the API. Use it as a context manager."""

    def __init__(self, settings: kopf.OperatorSettings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None
        self._server = ""
        self._login_at = -LOGIN_FOR_S

    async def __aenter__(self) -> Self:
        await self._log_in()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, content_type: str = "application/json"
    ) -> dict[str, Any]:
        """The answer to a request.

        Raises:
            ApiError: it was refused, or failed.
        """
        if time.monotonic() - self._login_at > LOGIN_FOR_S:
            await self._log_in()
        try:
            return await self._send(method, path, body, content_type)
        except ApiError as error:
            if error.status != HTTPStatus.UNAUTHORIZED:
                raise
        await self._log_in()
        return await self._send(method, path, body, content_type)

    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None, content_type: str) -> dict[str, Any]:
        if self._session is None:
            raise ApiError(0, "not logged in")
        headers = {"Content-Type": content_type} if body is not None else {}
        try:
            async with self._session.request(method, self._server + path, json=body, headers=headers) as response:
                answer = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise ApiError(0, f"{type(error).__name__}: {error}".rstrip(": ")) from error
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise ApiError(response.status, str((answer or {}).get("message", response.reason)))
        return dict(answer)

    async def _log_in(self) -> None:
        info = kopf.login_with_service_account(settings=self._settings) or kopf.login_with_kubeconfig(
            settings=self._settings
        )
        if info is None:
            raise ApiError(0, "there is neither a service account nor KUBECONFIG")
        if self._session is not None:
            await self._session.close()
        self._server = info.server.rstrip("/")
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=info.as_ssl_context()),
            headers={"Accept": "application/json", **info.as_http_headers()},
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
        )
        self._login_at = time.monotonic()
