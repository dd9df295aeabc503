"""The real servers, as fixtures for the tests of every package."""

pytest_plugins = ["voicepipe_local.testing"]
