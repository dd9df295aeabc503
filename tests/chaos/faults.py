"""The faults of a chaos run, as a table: what fails, how it is caused, how it is healed, and how often it is drawn.

A fault is drawn before the run from its seed, so the sequence can be printed and repeated. Causing and healing may be called while the
component that they mean is already down: then they do what is left to do.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
from collections.abc import Callable, Coroutine
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats
import psycopg
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError
from voicepipe_local.guard import descendants

from .proxied_stack import ProxiedStack
from .proxy import Proxies, Proxy

OURS = ("upload", "status", "prepare", "transcribe-accurate", "assemble", "controller")
DIARIZER = "diarizer"
KILLED = (*OURS, "gateway", "nats", "postgres", "s3", "triton-accurate", DIARIZER)
FROZEN = (*OURS, "nats", "postgres", "s3", DIARIZER)
STREAMS = ("WORK", "EVENTS", "ADVISORIES", "BACKLOG")
STATUSES = (403, 500, 503)
DELAY_S = 0.2


@dataclass(frozen=True, slots=True)
class Target:
    """What faults act on. `scratch` is the small disk of the workers; None if this machine allows no mount."""

    stack: ProxiedStack
    proxies: Proxies
    scratch: Path | None
    components: frozenset[str]


Heal = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """`cause` returns how to heal it. `on` is what it may hit; `longest_s` how long it lasts at most."""

    name: str
    cause: Callable[[Target, str], Heal]
    on: tuple[str, ...]
    weight: float
    longest_s: float = 6.0


@dataclass(frozen=True, slots=True)
class Drawn:
    """A fault of the sequence: it starts `after_s` after the one before, and lasts `for_s`."""

    fault: Fault
    on: str
    after_s: float
    for_s: float

    def __str__(self) -> str:
        return f"+{self.after_s:.1f} s {self.fault.name} {self.on} for {self.for_s:.1f} s"


class NotYet(Exception):
    """The component cannot be healed because of another fault: try again later."""


def healed_by_itself() -> None:
    """The supervisor, or the product, repairs it."""


def kill(target: Target, name: str) -> Heal:
    if pid := target.stack.component(name)["pid"]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return healed_by_itself


def freeze(target: Target, name: str) -> Heal:
    root = target.stack.component(name)["pid"]
    frozen = [root, *descendants(root)] if root else []
    _signal(frozen, signal.SIGSTOP)
    return lambda: _signal(frozen, signal.SIGCONT)


def kill_stub(target: Target, name: str) -> Heal:
    """Kill the Python process inside Triton, which Triton does not restart."""
    root = target.stack.component(name)["pid"]
    stubs = [pid for pid in descendants(root) if _program_of(pid).startswith("triton_python")] if root else []
    _signal(stubs[:1], signal.SIGKILL)
    return healed_by_itself


def cut(target: Target, name: str) -> Heal:
    return _through(target, name, Proxy.cut)


def stall(target: Target, name: str) -> Heal:
    return _through(target, name, Proxy.stall)


def slow(target: Target, name: str) -> Heal:
    return _through(target, name, lambda proxy: proxy.slow(DELAY_S))


def answer(target: Target, status: str) -> Heal:
    return _through(target, "s3", lambda proxy: proxy.answer(int(status)))


def read_only(target: Target, name: str) -> Heal:
    """As after a failover: the connections are lost, and the server that answers now accepts no writes."""
    try:
        _set_read_only(target, "on")
    except NotYet:
        return healed_by_itself
    kill(target, name)
    return lambda: _set_read_only(target, "off")


def fill_disk(target: Target, _name: str) -> Heal:
    if target.scratch is None:
        return healed_by_itself
    file = target.scratch / "full"
    with suppress(OSError), file.open("wb") as full:
        while True:
            full.write(bytes(1 << 16))
            full.flush()
    return lambda: file.unlink(missing_ok=True)


def delete_stream(target: Target, name: str) -> Heal:
    _on_nats(target, lambda context: context.delete_stream(name))
    return healed_by_itself


def delete_consumers(target: Target, _name: str) -> Heal:
    """Every consumer of the commands."""

    async def act(context: JetStreamContext) -> None:
        for consumer in await context.consumers_info("WORK"):
            await context.delete_consumer("WORK", consumer.name)

    _on_nats(target, act)
    return healed_by_itself


FAULTS = (
    Fault("kill", kill, KILLED, 8),
    Fault("freeze", freeze, FROZEN, 6),
    Fault("kill the model of", kill_stub, ("triton-accurate",), 1),
    Fault("cut", cut, ("nats", "postgres", "s3", "triton"), 5),
    Fault("stall", stall, ("nats", "postgres", "s3", "triton"), 4),
    Fault("slow down", slow, ("nats", "postgres", "s3", "triton"), 2),
    Fault("answer s3 with", answer, tuple(map(str, STATUSES)), 4),
    Fault("read-only", read_only, ("postgres",), 2),
    Fault("fill the disk of", fill_disk, ("prepare",), 2),
    Fault("delete stream", delete_stream, STREAMS, 2),
    Fault("delete the consumers of", delete_consumers, ("WORK",), 1),
)


def draw(rng: random.Random, count: int, components: frozenset[str], gap_s: tuple[float, float]) -> list[Drawn]:
    """A sequence of faults. Faults may overlap."""
    sequence = []
    for _ in range(count):
        fault = rng.choices(FAULTS, [each.weight for each in FAULTS])[0]
        on = rng.choice([name for name in fault.on if name != DIARIZER or DIARIZER in components])
        sequence.append(Drawn(fault, on, rng.uniform(*gap_s), rng.uniform(0.3, fault.longest_s)))
    return sequence


def clear(target: Target) -> None:
    """Heal whatever may still be broken."""
    for name in target.proxies.ports:
        target.proxies.call(target.proxies[name].heal())
    target.stack.wait_until_healthy("postgres")
    _set_read_only(target, "off")
    if target.scratch is not None:
        (target.scratch / "full").unlink(missing_ok=True)


def _through(target: Target, name: str, change: Callable[[Proxy], Coroutine[Any, Any, None]]) -> Heal:
    proxy = target.proxies[name]
    target.proxies.call(change(proxy))
    return lambda: target.proxies.call(proxy.heal())


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _program_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="ascii")
    except OSError:
        return ""


def _set_read_only(target: Target, value: str) -> None:
    try:
        with psycopg.connect(target.stack.database_url, autocommit=True, connect_timeout=2) as admin:
            admin.execute("SET default_transaction_read_only = off")
            admin.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
            admin.execute("SELECT pg_reload_conf()")
    except psycopg.OperationalError as error:
        raise NotYet from error


def _on_nats(target: Target, act: Callable[[JetStreamContext], Coroutine[Any, Any, object]]) -> None:
    async def connected() -> None:
        client = await nats.connect(target.stack.nats_url, connect_timeout=2, max_reconnect_attempts=0)
        try:
            with suppress(NotFoundError):
                await act(client.jetstream())
        finally:
            await client.close()

    with suppress(OSError, TimeoutError, nats.errors.Error):  # the server is away: another fault
        asyncio.run(asyncio.wait_for(connected(), 10))


def small_disk(mounts: ExitStack, folder: Path, size: str = "48m") -> Path | None:
    """A file system of its own for the scratch files; None where this is not allowed."""
    import subprocess

    folder.mkdir(parents=True, exist_ok=True)
    mount = shutil.which("mount")
    if (
        not mount
        or subprocess.run(
            [mount, "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=False, capture_output=True
        ).returncode
    ):
        return None
    mounts.callback(subprocess.run, ["umount", "--lazy", folder], check=False)
    return folder
