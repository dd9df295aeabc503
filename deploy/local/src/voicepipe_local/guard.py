"""Runs one command and leaves nothing behind, however it ends.

    python -I -S guard.py [--lifeline] [--user NAME] -- COMMAND...

The guard is the reaper of everything that descends from the command (PR_SET_CHILD_SUBREAPER): when the command has ended,
whatever it left is killed. With `--lifeline` the guard also ends, and kills, as soon as its standard input is closed: a
process that keeps the other end open takes everything with it when it dies, even by SIGKILL. SIGTERM and SIGINT are passed on.

This file stands alone: it starts in 20 ms because it imports nothing but the standard library.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_prctl: Callable[..., int] = ctypes.CDLL(None, use_errno=True).prctl


def die_with_parent(sig: int = signal.SIGKILL) -> None:
    """Send this process `sig` when the thread that started it ends."""
    _prctl(_PR_SET_PDEATHSIG, int(sig), 0, 0, 0)


def become_reaper() -> None:
    """Orphans below this process become its children, not those of process 1."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def processes() -> dict[int, tuple[int, str]]:
    """The parent and the state (`Z` is a zombie) of every process of this machine."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                state, parent = file.read().rpartition(")")[2].split()[:2]
        except OSError:
            continue  # it ended while we looked
        found[int(name)] = (int(parent), state)
    return found


def children(root: int) -> set[int]:
    """The direct children of `root`, zombies too."""
    return {pid for pid, (parent, _) in processes().items() if parent == root}


def descendants(root: int) -> list[int]:
    """Every living process below `root`, nearest first."""
    below: dict[int, list[int]] = {}
    for pid, (parent, state) in processes().items():
        if state != "Z":
            below.setdefault(parent, []).append(pid)
    found = list(below.get(root, []))
    for pid in found:
        found.extend(below.get(pid, []))
    return found


def kill_descendants(root: int) -> None:
    """Kill until nothing is left, no zombie either: a process may have forked while we were looking.

    PostgreSQL does not start again while a process has the number of its predecessor, and a zombie has it.
    """
    while pids := descendants(root):
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        reap()
        time.sleep(0.005)
    while children(root):
        reap()
        time.sleep(0.001)


def reap() -> dict[int, int]:
    """The exit codes of the children that have ended since the last call."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = os.waitstatus_to_exitcode(status)


def run(command: list[str], *, lifeline: bool, user: str | None) -> int:
    """The exit code of `command`, once neither it nor any of its descendants lives."""
    become_reaper()
    wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        user=user,
        group=_group_of(user),
        extra_groups=[] if user else None,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - the guard has one thread; after setuid, which would clear it
    ).pid
    for passed_on in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(passed_on, lambda number, _: _kill(child, number))
    watched = [wake_read, 0] if lifeline else [wake_read]
    while True:
        ready, _, _ = select.select(watched, [], [])
        if wake_read in ready:
            os.read(wake_read, 4096)
        ended = reap()
        if child in ended or (0 in ready and not os.read(0, 4096)):
            kill_descendants(os.getpid())
            return ended.get(child, -signal.SIGKILL)


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it has just ended; the loop will see that


def _group_of(user: str | None) -> int | None:
    if user is None:
        return None
    import pwd

    return pwd.getpwnam(user).pw_gid


def main() -> int:
    parser = argparse.ArgumentParser(description="Run a command and leave nothing behind, however it ends.")
    parser.add_argument("--lifeline", action="store_true", help="end when standard input is closed")
    parser.add_argument("--user", help="run the command as this user")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    code = run([word for word in options.command if word != "--"], lifeline=options.lifeline, user=options.user)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
