"""The real servers, as fixtures for the tests of every package."""

from __future__ import annotations

import os
import signal
import sys

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

pytest_plugins = ["voicepipe_local.testing"]

# A process in the background ignores SIGINT, and its children inherit that. Tests interrupt processes, so restore it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadlines, because speed is measured in tests/bench. All else stays as in the current profile, which is another in CI.
settings.register_profile("untimed", parent=settings(), deadline=None)
settings.load_profile("untimed")

# Each of these folders starts its own stack and takes longest, so it starts first.
STACKS = ("tests/speakers", "tests/faults", "tests/e2e", "tests/chaos")
# These run on the stack of another folder, because a second stack with real models would need 2 GB more.
GUESTS = {"tests/accuracy/test_floors.py": "tests/e2e", "tests/media/test_kinds.py": "tests/e2e"}

# `make unit` skips the tests that need a real server: those in STACKS, those marked `servers`, and those that use a fixture
# named `private_...` or one of these. All other server fixtures of voicepipe_local.testing depend on these.
SERVER_FIXTURES = frozenset(
    {"nats_server", "postgres_server", "object_store_server", "start_triton", "stack", "real_stack"}
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-servers", action="store_true", help="skip the tests that need a real server")


def needs_servers(item: pytest.Item) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    return (
        item.nodeid.startswith(STACKS)
        or item.get_closest_marker("servers") is not None
        or any(name in SERVER_FIXTURES or name.startswith("private_") for name in fixtures)
    )


def place(nodeid: str) -> str:
    """The tests that one worker runs together: a folder that shares a stack, otherwise a file."""
    file = nodeid.partition("::")[0]
    return next((folder for folder in STACKS if nodeid.startswith(folder)), GUESTS.get(file, file))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--no-servers"):
        skipped = [item for item in items if needs_servers(item)]
        config.hook.pytest_deselected(items=skipped)
        items[:] = [item for item in items if not needs_servers(item)]
    items.sort(key=lambda item: (*STACKS, place(item.nodeid)).index(place(item.nodeid)))


class ByPlace(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return place(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByPlace:
    return ByPlace(config, log)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Print each failure when it happens: an interrupted run prints no summary."""
    if report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        last = report.longreprtext.strip().rpartition("\n")[2]
        sys.stderr.write(f"\n{report.nodeid} ({report.when}) failed after {report.duration:.0f} s: {last}\n")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests measured with `record_property("measured", "...")`, whether they passed or failed."""
    measured = {
        (report.nodeid, value)
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == "measured"
    }
    for nodeid, value in sorted(measured):
        terminalreporter.write_line(f"MEASURED {nodeid}: {value}")
