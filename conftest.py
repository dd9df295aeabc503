"""The real servers, as fixtures for the tests of every package."""

from __future__ import annotations

import os
import signal
import sys

import pytest
from xdist.scheduler import LoadScopeScheduling

pytest_plugins = ["voicepipe_local.testing"]

# A run in the background ignores Ctrl-C, and so would every process that its tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Each of these has a stack of its own, and the most to do: they begin first.
STACKS = ("tests/speakers", "tests/faults", "tests/e2e")
# These run on the stack of real models that a folder has: a second one would be 2 GB more.
GUESTS = {"tests/accuracy/test_floors.py": "tests/e2e"}


def place(nodeid: str) -> str:
    """What runs on one worker: a folder that shares a stack, else a file."""
    file = nodeid.partition("::")[0]
    return next((folder for folder in STACKS if nodeid.startswith(folder)), GUESTS.get(file, file))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: (*STACKS, place(item.nodeid)).index(place(item.nodeid)))


class ByPlace(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return place(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByPlace:
    return ByPlace(config, log)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Tell a failure when it happens: a run that is cut off says nothing at its end."""
    if report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        last = report.longreprtext.strip().rpartition("\n")[2]
        sys.stderr.write(f"\n{report.nodeid} ({report.when}) failed after {report.duration:.0f} s: {last}\n")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests have found out, of themselves passed or failed: `record_property("measured", "...")`."""
    found = {
        (report.nodeid, value)
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == "measured"
    }
    for nodeid, value in sorted(found):
        terminalreporter.write_line(f"MEASURED {nodeid}: {value}")
