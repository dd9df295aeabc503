"""Conditional requests (RFC 9110, 13)."""

from __future__ import annotations


def matches(if_none_match: str | None, etag: str) -> bool:
    """Whether the client already has this version. Weak comparison, as If-None-Match requires."""
    if if_none_match is None:
        return False
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in tags or etag in tags


def range_holds(if_range: str | None, etag: str) -> bool:
    """Whether a range applies to this version. Strong comparison; dates are not used as validators."""
    return if_range is None or if_range.strip() == etag
