"""Fixtures: connections to real servers."""

from server_fixtures import jetstream, pool, settings

__all__ = ["jetstream", "pool", "settings"]
