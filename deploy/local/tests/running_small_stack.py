"""A small stack of dummies under a guard, for tests."""

import os
import subprocess
import sys
from pathlib import Path

from support.eventually import eventually
from voicepipe_local import control, guard

SMALL_STACK = Path(__file__).with_name("small_stack.py")


class SmallStack:
    """A small stack under a guard; see `small_stack.py`."""

    def __init__(self, data, *specs):
        self.data = data
        lock = control.lock(data)
        self.guard = subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__, "--lifeline", "--", sys.executable, SMALL_STACK, data, *specs],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            pass_fds=[lock],
        )
        os.close(lock)

    def ps(self):
        return control.ask(self.data, {"ask": "ps"})

    def ask(self, verb, component="", **more):
        return control.ask(self.data, {"ask": verb, "component": component, **more})

    def component(self, name):
        return next(component for component in self.ps()["components"] if component["name"] == name)

    def wait_until_ready(self):
        return eventually(lambda: control.is_running(self.data) and ready(self.data))

    def processes(self):
        """The guard and everything below it, by pid and start time."""
        return {(pid, started(pid)) for pid in (self.guard.pid, *guard.descendants(self.guard.pid))}

    def close(self):
        self.guard.stdin.close()
        self.guard.stdout.close()
        self.guard.wait()


def ready(data):
    try:
        return control.ask(data, {"ask": "ready"})["ready"]
    except control.NotRunning:
        return False


def started(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if stat[0] == "Z" else stat[19]


def gone(processes):
    return eventually(lambda: not any(started(pid) == start for pid, start in processes if start))
