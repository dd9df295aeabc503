"""One HTTP request to the server, its failures turned into named errors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final

import httpx

from voicepipe import __version__
from voicepipe.errors import ApiError
from voicepipe.pace import TransientError

# Read timeout up to the first byte: the last PATCH of a large upload is answered only after the object store has
# assembled it.
TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0)


class Transport:
    def __init__(self, base_url: str, api_key: str) -> None:
        self.base_url = base_url
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self._http = httpx.AsyncClient(
            headers={"User-Agent": f"voicepipe/{__version__}"}, limits=httpx.Limits(max_connections=None)
        )

    async def aclose(self) -> None:
        await self._http.aclose()

    def request(self, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Any) -> httpx.Request:
        return self._http.build_request(
            method, self.base_url + path, headers={**self._headers, **(headers or {})}, timeout=TIMEOUT, **more
        )

    async def once(self, request: httpx.Request, *, stream: bool = False) -> httpx.Response:
        """Send the request once. The caller closes a streamed response.

        Raises:
            TransientError: another try may succeed.
            ApiError: the server refused the request.
        """
        try:
            response = await self._http.send(request, stream=stream)
        except httpx.TransportError as error:
            unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
            raise TransientError(reason_of(error), not_carried_out=unsent) from error
        if response.is_success:
            return response
        try:
            await response.aread()
        except httpx.TransportError as error:
            raise TransientError(reason_of(error)) from error
        finally:
            await response.aclose()
        problem = problem_of(response)
        may_pass = response.status_code == HTTPStatus.TOO_MANY_REQUESTS or response.is_server_error
        if may_pass and response.status_code != HTTPStatus.NOT_IMPLEMENTED:
            refused = response.status_code in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
            raise TransientError(_unavailable_reason(response), _retry_after_s(response), not_carried_out=refused)
        raise problem


def problem_of(response: httpx.Response) -> ApiError:
    """The error in an answer: its problem JSON, or else one made from the HTTP status."""
    try:
        body = response.json()
        code, detail = str(body["code"]), str(body["detail"])
    except (ValueError, KeyError, TypeError):
        phrase = response.reason_phrase or "unknown error"
        code = phrase.lower().replace(" ", "_")
        detail = f"The server refused {response.request.method} {response.request.url.path}: {phrase.lower()}."
    return ApiError(response.status_code, code, detail)


def reason_of(error: httpx.TransportError) -> str:
    """The cause of a connection error, for people."""
    text = str(error) or type(error).__name__
    match error:
        case httpx.ConnectTimeout():
            return "no connection within 10 s"
        case httpx.ConnectError():
            # anyio's text for "every address refused" adds nothing; its texts for TLS and DNS errors do.
            return "no connection" if "attempts failed" in text else f"no connection ({text})"
        case httpx.TimeoutException():
            return "timed out after 60 s"
        case httpx.ReadError() | httpx.WriteError() | httpx.CloseError() | httpx.RemoteProtocolError():
            return "the connection broke"
        case _:
            return text


def _unavailable_reason(response: httpx.Response) -> str:
    return f"{response.status_code} {problem_of(response).detail}".rstrip(".")


def _retry_after_s(response: httpx.Response) -> float:
    """The Retry-After header in seconds, given as seconds or as a date (RFC 9110, section 10.2.3); 0 without one."""
    value = response.headers.get("retry-after", "")
    if value.isdigit():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0
