"""Requests to the Kubernetes API, with the account of this pod, or outside a cluster with the current context of KUBECONFIG.

kopf has no public way to make requests, but public logins; these are used here. The token of a pod changes every hour, so a login is used for
ten minutes, and after a 401 no longer.

Races:

- A login replaces the session while other requests use it. The old session is closed at a later login, when no request can
  use it any more; several requests that need a login make one.
- A request takes `TIMEOUT_S` at most, with its login and its repetition: the fencing of the Lease relies on it.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import aiohttp
import kopf
from voicepipe_wire.service import CannotStart

LOGIN_FOR_S = 600.0
TIMEOUT_S = 3.0
NO_ACCOUNT = (
    "has no account for the Kubernetes API: let its pod mount the token of its service account "
    "(automountServiceAccountToken), or set KUBECONFIG"
)
MERGE_PATCH = "application/merge-patch+json"


class ApiError(Exception):
    """The API refused a request, or could not be reached (`status` is 0)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Rest:
    """A client of the API. Use it as a context manager; entering it raises CannotStart if there is no account."""

    def __init__(self, settings: kopf.OperatorSettings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None
        self._retired: list[tuple[float, aiohttp.ClientSession]] = []
        self._logging_in = asyncio.Lock()
        self._server = ""
        self._login_at = -LOGIN_FOR_S

    async def __aenter__(self) -> Self:
        try:
            await self._log_in(None)
        except ApiError as error:
            raise CannotStart(f"It {error}.") from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for session in (*(one for _, one in self._retired), *([self._session] if self._session else [])):
            await session.close()

    async def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, content_type: str = "application/json"
    ) -> dict[str, Any]:
        """The answer to a request.

        Raises:
            ApiError: it was refused, or failed.
        """
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await self._request(method, path, body, content_type)
        except TimeoutError as error:
            raise ApiError(0, f"no answer within {TIMEOUT_S:.0f} s") from error

    async def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None, content_type: str
    ) -> dict[str, Any]:
        if time.monotonic() - self._login_at > LOGIN_FOR_S:
            await self._log_in(self._session)
        used = self._session
        try:
            return await self._send(method, path, body, content_type)
        except ApiError as error:
            if error.status != HTTPStatus.UNAUTHORIZED:
                raise
        await self._log_in(used)
        return await self._send(method, path, body, content_type)

    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None, content_type: str) -> dict[str, Any]:
        if self._session is None:
            raise ApiError(0, "not logged in")
        headers = {"Content-Type": content_type} if body is not None else {}
        try:
            async with self._session.request(method, self._server + path, json=body, headers=headers) as response:
                text = await response.text()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise ApiError(0, f"{type(error).__name__}: {error}".rstrip(": ")) from error
        answer = _object(text)
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise ApiError(response.status, str((answer or {}).get("message", response.reason)))
        if answer is None:
            raise ApiError(0, "the answer is no object")
        return answer

    async def _log_in(self, used: aiohttp.ClientSession | None) -> None:
        """Log in again, unless somebody else has done so since the session `used` was in use."""
        async with self._logging_in:
            if self._session is not used:
                return
            try:
                made = self._new_session()
            except (OSError, ValueError, kopf.LoginError) as error:
                raise ApiError(0, f"cannot log in to the Kubernetes API: {error}") from error
            if used is not None:
                self._retired.append((time.monotonic(), used))
            self._session, self._login_at = made, time.monotonic()
            await self._close_retired()

    async def _close_retired(self) -> None:
        while self._retired and time.monotonic() - self._retired[0][0] > TIMEOUT_S:
            await self._retired.pop(0)[1].close()

    def _new_session(self) -> aiohttp.ClientSession:
        info = kopf.login_with_service_account(settings=self._settings) or kopf.login_with_kubeconfig(
            settings=self._settings
        )
        if info is None:
            raise ApiError(0, NO_ACCOUNT)
        self._server = info.server.rstrip("/")
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=info.as_ssl_context()),
            headers={"Accept": "application/json", **info.as_http_headers()},
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
        )


def _object(text: str) -> dict[str, Any] | None:
    """The JSON object in `text`. Proxies, and the API server itself, answer some errors with plain text."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
