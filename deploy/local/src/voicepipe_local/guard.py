"""Run one command and leave none of its descendants running, however it ends.

    python -I -S guard.py [--lifeline] [--user NAME] -- COMMAND...

Invariant: no descendant of the command outlives the guard. What enforces it:

- The command exits and leaves children: the guard is their reaper (PR_SET_CHILD_SUBREAPER), so orphans become its
  children, and it kills them.
- The guard is killed: the command receives SIGKILL (PR_SET_PDEATHSIG). The supervisor replaces that by SIGTERM, to stop
  its components in order; they receive SIGKILL if the supervisor dies too. Only a grandchild whose ancestors are all
  killed in the same instant survives.
- The process that started the guard is killed: `--lifeline` makes standard input a lifeline, a pipe whose other end
  that process holds. The kernel closes it when the process dies, even by SIGKILL; then the guard kills everything and
  exits.
- A process forks while the guard is killing: `kill_descendants` repeats until it finds no process.

SIGTERM, SIGINT and SIGHUP are forwarded to the command. This file imports only the standard library, so it starts in 20
ms.
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
    """Make the kernel send `sig` to this process when the thread that started it ends."""
    _prctl(_PR_SET_PDEATHSIG, int(sig), 0, 0, 0)


def become_reaper() -> None:
    """Make orphaned descendants children of this process instead of process 1."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def processes() -> dict[int, tuple[int, str]]:
    """The parent and the state (`Z` is a zombie) of every process on this machine, by pid."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                state, parent = file.read().rpartition(")")[2].split()[:2]
        except OSError:
            continue  # it ended after the listing
        found[int(name)] = (int(parent), state)
    return found


def children(root: int) -> set[int]:
    """The direct children of `root`, including zombies."""
    return {pid for pid, (parent, _) in processes().items() if parent == root}


def descendants(root: int) -> list[int]:
    """Every process below `root` that is not a zombie, nearest first."""
    below: dict[int, list[int]] = {}
    for pid, (parent, state) in processes().items():
        if state != "Z":
            below.setdefault(parent, []).append(pid)
    found = list(below.get(root, []))
    for pid in found:
        found.extend(below.get(pid, []))
    return found


def kill_descendants(root: int) -> None:
    """Kill and reap until no descendant is left: a process may fork while this function lists them.

    Zombies are reaped too, because PostgreSQL does not start while a process, even a zombie, has its predecessor's pid.
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
    """Run `command`; return its exit code when neither it nor any of its descendants is left."""
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
        preexec_fn=die_with_parent,  # noqa: PLW1509 - one thread; runs after setuid, which clears the signal
    ).pid
    for forwarded in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(forwarded, lambda number, _: _kill(child, number))
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
        return  # it has just ended; the loop will notice


def _group_of(user: str | None) -> int | None:
    if user is None:
        return None
    import pwd

    return pwd.getpwnam(user).pw_gid


def main() -> int:
    parser = argparse.ArgumentParser(description="Run a command and leave none of its descendants running.")
    parser.add_argument(
        "--lifeline", action="store_true", help="kill everything and exit when standard input is closed"
    )
    parser.add_argument("--user", help="run the command as this user")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    code = run([word for word in options.command if word != "--"], lifeline=options.lifeline, user=options.user)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
