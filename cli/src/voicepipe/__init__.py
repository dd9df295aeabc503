"""The Python client and the `voicepipe` command. Both speak HTTP to a Voicepipe server and share no code with it."""

__version__ = "0.1.0"
