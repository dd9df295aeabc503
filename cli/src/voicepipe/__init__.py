"""Voicepipe from the outside: the Python client and the `voicepipe` command. It knows HTTP and nothing of servers."""

__version__ = "0.1.0"
