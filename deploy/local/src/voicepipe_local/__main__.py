"""Voicepipe on one machine: `python -m voicepipe_local up`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path

from rich.console import Console

from . import control, models, status_table, topology
from .component import CannotStart
from .control import AlreadyRunning, NotRunning
from .data_dir import DataDir
from .scaled_pools import POOLS, to_json
from .stack import Stack, StartFailed
from .supervisor import Supervisor

_COMMANDS = {
    "up": "start in the background and return when everything is healthy",
    "run": "start in the foreground; Ctrl-C stops",
    "ps": "show every component",
    "url": "print the address for clients",
    "down": "stop, keeping the data",
    "purge": "stop and delete the data",
    "start": "start one component that was stopped",
    "stop": "stop one component",
    "restart": "restart one component",
}


def main() -> int:
    options = _arguments()
    stack = Stack(options.data)
    try:
        return _do(options.command, stack, options)
    except NotRunning as error:
        print(f"{error}. `make up` starts one.", file=sys.stderr)
        return 0 if options.command == "down" else 1
    except (AlreadyRunning, CannotStart) as error:
        print(error, file=sys.stderr)
        return 1


def _do(command: str, stack: Stack, options: argparse.Namespace) -> int:
    match command:
        case "up":
            return _up(stack, options)
        case "run":
            _run(stack, options)
        case "supervise":
            return _supervise(stack, options)
        case "ps":
            _ps(stack, as_json=options.json)
        case "url":
            print(stack.ask("ps")["facts"]["url"])
        case "down":
            stack.stop()
        case "purge":
            stack.purge()
        case verb:
            return _steer(stack, verb, options.component)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m voicepipe_local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in (*_COMMANDS, "supervise"):
        command = commands.add_parser(name, help=_COMMANDS.get(name))
        command.add_argument("--data", type=Path, default=Path(".data"), help="the data directory (default: .data)")
        if name in {"up", "run", "supervise"}:
            help_ = "number of processes of a service, as in transcribe=2; may be repeated"
            command.add_argument(
                "--workers", type=_count, action="append", default=[], metavar="NAME=COUNT", help=help_
            )
            help_ = "start and stop workers as the queue requires; --workers then gives the most that there may be"
            command.add_argument("--autoscale", action="store_true", help=help_)
        if name in {"start", "stop", "restart"}:
            command.add_argument("component")
        if name == "ps":
            command.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    options.workers = dict(getattr(options, "workers", []))
    return options


def _count(text: str) -> tuple[str, int]:
    name, _, count = text.partition("=")
    if not count.isdigit() or int(count) < 1:
        raise argparse.ArgumentTypeError(f"{text} must have the form NAME=COUNT, as in transcribe=2")
    return name, int(count)


def _up(stack: Stack, options: argparse.Namespace) -> int:
    try:
        stack.start(options.workers, autoscale=options.autoscale, progress=print)
    except AlreadyRunning:
        if not stack.is_ready():
            print(f"Voicepipe is starting or stopping in {stack.data}: try again in a moment.", file=sys.stderr)
            return 1
        print(f"Voicepipe is already running in {stack.data}.")
    except StartFailed:
        print(f"Voicepipe did not start; none of its processes is running. Log: {stack.log}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    print(status_table.next_steps(stack.ask("ps")))
    return 0


def _run(stack: Stack, options: argparse.Namespace) -> None:
    DataDir.at(stack.data)
    os.set_inheritable(control.lock(stack.data), True)
    command = stack.command(options.workers, autoscale=options.autoscale)
    os.execv(command[0], command)  # this process becomes the guard, and keeps the lock


def _supervise(stack: Stack, options: argparse.Namespace) -> int:
    data_dir = DataDir.at(stack.data)
    data_dir.forget_ports_in_use()
    (data_dir.path / "pid").write_text(f"{os.getpid()}\n", encoding="ascii")

    def report(text: str) -> None:
        print(text, flush=True)

    topology.check(options.workers)
    served = models.put_in_place(models.wanted(os.environ), report)
    planned = topology.full(data_dir, served, options.workers, autoscale=options.autoscale)
    if options.autoscale:
        (data_dir.path / POOLS).write_text(to_json(planned.scaled), encoding="utf-8")
    report(f"speech models: {planned.facts['speech']}; speakers: {planned.facts['speakers']}")
    return asyncio.run(Supervisor(data_dir, planned.steps, report, planned.facts, planned.asleep).run())


def _ps(stack: Stack, *, as_json: bool) -> None:
    answer = stack.ask("ps")
    if as_json:
        print(json.dumps(answer, indent=2))
        return
    console = Console(width=None if sys.stdout.isatty() else 200)
    status_table.table(answer, console)
    facts = answer["facts"]
    print(f"\n{facts['url']}   speech: {facts['speech']}   speakers: {facts['speakers']}")


def _steer(stack: Stack, verb: str, component: str) -> int:
    answer = stack.ask(verb, component=component)
    print(answer.get("error") or f"{answer['component']} is {answer['state']}")
    return 1 if "error" in answer else 0


if __name__ == "__main__":
    sys.exit(main())
