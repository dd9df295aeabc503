"""Recordings in: checked, streamed into the object store, and accepted in one transaction."""

__version__ = "0.1.0"
