"""Receives recordings, streams them into the object store, and accepts each in one transaction."""

__version__ = "0.1.0"
