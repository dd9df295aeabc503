"""The real servers, as fixtures for the tests of every package."""

import signal

pytest_plugins = ["voicepipe_local.testing"]

# A run in the background ignores Ctrl-C, and so would every process that its tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
