"""The Python client and the `voicepipe` command. Both speak REST or gRPC to a Voicepipe server and share no code with it."""

__version__ = "0.1.0"
