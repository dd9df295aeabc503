"""The address of a server. Pure."""

from __future__ import annotations

from typing import Final
from urllib.parse import SplitResult, urlsplit

from .errors import InvalidSettings

_PORTS: Final = {"http": 80, "https": 443}


def checked_url(url: str) -> str:
    """Return the address without a trailing slash.

    Raises:
        InvalidSettings: it is not an HTTP address.
    """
    parsed = _parsed(url)
    if parsed is None or parsed.scheme not in _PORTS or not parsed.hostname:
        raise InvalidSettings(
            f"'{url}' is not the address of a server. An address looks like https://voicepipe.example.org."
        )
    return url.rstrip("/")


def grpc_target(url: str) -> tuple[str, bool]:
    """Host and port of a checked address, and whether to use TLS.

    Raises:
        InvalidSettings: the address has a path. The path of a gRPC call is the name of its method.
    """
    parsed = urlsplit(url)
    if parsed.path.strip("/") or parsed.query or parsed.fragment:
        raise InvalidSettings(
            f"gRPC has no addresses with a path such as {url}. Give the scheme, the host and the port only, or use REST."
        )
    host = parsed.hostname or ""
    bracketed = f"[{host}]" if ":" in host else host
    return f"{bracketed}:{parsed.port or _PORTS[parsed.scheme]}", parsed.scheme == "https"


def _parsed(url: object) -> SplitResult | None:
    text = str(url)
    try:
        parsed = urlsplit(text)
        _ = parsed.port  # checked only when it is read
    except ValueError:
        return None
    return parsed if text.isprintable() and " " not in text else None
