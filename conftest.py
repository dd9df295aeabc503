"""The real servers, as fixtures for the tests of every package."""

from __future__ import annotations

import os
import re
import signal
import sys

import pytest

pytest_plugins = ["voicepipe_local.testing"]

# A run in the background ignores Ctrl-C, and so would every process that its tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Each of these has a line of its own, and the most to do: they begin first, and all of one run on the same worker.
LINES = ("tests/speakers", "tests/faults", "tests/e2e")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        return next((number for number, folder in enumerate(LINES) if item.nodeid.startswith(folder)), len(LINES))

    items.sort(key=place)
    for item in items:
        group = item.nodeid.partition("::")[0] if place(item) == len(LINES) else LINES[place(item)]
        item.add_marker(pytest.mark.xdist_group(group))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Tell a failure when it happens: a run that is cut off says nothing at its end."""
    if report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        last = report.longreprtext.strip().rpartition("\n")[2]
        sys.stderr.write(
            f"\n{_without_group(report.nodeid)} ({report.when}) failed after {report.duration:.0f} s: {last}\n"
        )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests have found out, of themselves passed or failed: `record_property("measured", "...")`."""
    found = {
        (_without_group(report.nodeid), value)
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == "measured"
    }
    for nodeid, value in sorted(found):
        terminalreporter.write_line(f"MEASURED {nodeid}: {value}")


def _without_group(nodeid: str) -> str:
    """The name as it is written in the file: xdist puts the group behind it."""
    return re.sub(r"@[\w/.]+$", "", nodeid)
