"""Fixtures: connections to real servers, as the library that they go through tests itself."""

from server_fixtures import jetstream, pool, settings

__all__ = ["jetstream", "pool", "settings"]
