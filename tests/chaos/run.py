"""One seeded run: users load a stack, faults happen to it, it is healed and comes to rest, and the ledger is checked.

PYTHONPATH=tests python -m chaos --seed 7 --faults 60
"""

from __future__ import annotations

import heapq
import itertools
import os
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from support.front_door import FrontDoor, words
from voicepipe_local.disposable_stack import DisposableStack
from voicepipe_local.testing import TOY_MODELS

from . import faults, proxied_stack
from .faults import Drawn, Heal, NotYet, Target
from .ledger import Observer
from .recordings import SAMPLES
from .users import Ledger, User

ENVIRONMENT = {
    **TOY_MODELS,
    # The commands of a dead worker are delivered again after seconds, and lost ones are found soon.
    "VOICEPIPE_ACK_WAIT_S": "3",
    "VOICEPIPE_SWEEP_EVERY_S": "2",
    "VOICEPIPE_STUCK_AFTER_S": "10",
    "VOICEPIPE_WINDOW_CHUNKS": "2",
    # Work that waits for a server frees its slot soon, and comes back soon.
    "VOICEPIPE_OUTAGE_WAIT_S": "4",
    "VOICEPIPE_PUT_BACK_DELAY_S": "2",
    # Here every second worker dies with its command: that must not count as the fault of the recording.
    "VOICEPIPE_MAX_DELIVER": "100",
    # An upload whose connection broke is cleaned up at once.
    "VOICEPIPE_PLAIN_FOR_S": "20",
}
REAL_SPEAKERS = {"VOICEPIPE_DIARIZATION_MODEL": "pyannote-campplus"}
USERS = 3
GAP_S = (0.2, 3.5)
QUIET_S = 240.0
POLL_S = 1.0
AGAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A run is repeated by repeating its plan. `speakers`: with a real diarizer."""

    seed: int
    faults: int
    speakers: bool = False
    gap_s: tuple[float, float] = GAP_S


@dataclass(frozen=True, slots=True)
class Outcome:
    """`violations` is empty if all is well. `came_to_rest_s` is the time from the last repair to the last job."""

    sequence: Sequence[Drawn]
    sent: int
    accepted: int
    came_to_rest_s: float
    violations: list[str]
    bugs: list[str] = field(default_factory=list)


def run(plan: Plan, say: Callable[[str], None] = print) -> Outcome:
    rng = random.Random(plan.seed)
    with _stack(plan) as target:
        sequence = faults.draw(rng, plan.faults, target.components, plan.gap_s)
        observer = Observer(target.stack, _undisturbed(target.stack))
        ledger = Ledger()
        with _users(target.stack, ledger, rng, speakers=plan.speakers) as users:
            _happen(target, sequence, say)
            say("healing")
            faults.clear(target)
        for component in sorted(target.components):
            target.stack.wait_until_healthy(component, timeout_s=180)
        rest_s, moving = _rest(observer)
        violations = [f"not at rest: {each}" for each in moving] + observer.violations(ledger)
        violations += [f"a user stopped: {user.failure!r}" for user in users if user.failure]
        accepted = sum(job.is_acknowledged for job in ledger.jobs)
        outcome = Outcome(sequence, len(ledger.jobs), accepted, rest_s, violations, observer.bugs())
        _keep_logs(target.stack, outcome)
        return outcome


@contextmanager
def _stack(plan: Plan) -> Iterator[Target]:
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix=f"voicepipe-test-{os.getpid()}-chaos-"))
        folder.chmod(0o711)
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        scratch = faults.small_disk(stack, folder / "scratch")
        env = {**ENVIRONMENT, **(REAL_SPEAKERS if plan.speakers else {})}
        env |= {"VOICEPIPE_SCRATCH_DIR": str(scratch)} if scratch else {}
        started, proxies = stack.enter_context(proxied_stack.running(folder / "stack", env))
        components = frozenset(str(each["name"]) for each in started.ask("ps")["components"])
        yield Target(started, proxies, scratch, components)


def _undisturbed(stack: DisposableStack) -> dict[object, list[str]]:
    door = FrontDoor(stack.url, stack.api_key)
    found = {sample: words(door.completed(door.accepted(sample.content()), 120)) for sample in SAMPLES}
    for item in door.http.get("/v1/transcriptions").json()["items"]:
        door.delete(item["id"])
    door.http.close()
    return found


@contextmanager
def _users(stack: DisposableStack, ledger: Ledger, rng: random.Random, *, speakers: bool) -> Iterator[list[User]]:
    stop = threading.Event()
    users = [
        User(stack.url, stack.api_key, ledger, random.Random(rng.random()), stop, speakers=speakers)
        for _ in range(USERS)
    ]
    for user in users:
        user.start()
    try:
        yield users
    finally:
        stop.set()
        for user in users:
            user.join()


def _happen(target: Target, sequence: Sequence[Drawn], say: Callable[[str], None]) -> None:
    """Cause the faults one after another. Each is healed when its time is over, maybe after the next has begun."""
    started_s, number = time.monotonic(), itertools.count()
    open_faults: list[tuple[float, int, Heal]] = []
    next_s = started_s
    for drawn in sequence:
        next_s = max(next_s + drawn.after_s, time.monotonic() - 1)
        _heal_until(open_faults, next_s)
        time.sleep(max(0.0, next_s - time.monotonic()))
        say(f"{time.monotonic() - started_s:7.1f} s {drawn}")
        heal = drawn.fault.cause(target, drawn.on)
        heapq.heappush(open_faults, (time.monotonic() + drawn.for_s, next(number), heal))
    _heal_until(open_faults, float("inf"))


def _heal_until(open_faults: list[tuple[float, int, Heal]], until_s: float) -> None:
    while open_faults and open_faults[0][0] <= until_s:
        at_s, number, heal = heapq.heappop(open_faults)
        time.sleep(max(0.0, at_s - time.monotonic()))
        try:
            heal()
        except NotYet:
            heapq.heappush(open_faults, (time.monotonic() + AGAIN_S, number, heal))


def _rest(observer: Observer) -> tuple[float, list[str]]:
    """Wait until nothing moves; returns how long it took, and what still moves in the end."""
    started_s = time.monotonic()
    while True:
        try:
            moving = observer.moving()
        except (OSError, httpx.TransportError) as error:
            moving = [f"{type(error).__name__}: {error}"]
        waited_s = time.monotonic() - started_s
        if not moving or waited_s > QUIET_S:
            return waited_s, moving
        time.sleep(POLL_S)


def _keep_logs(stack: DisposableStack, outcome: Outcome) -> None:
    if (folder := os.environ.get("CHAOS_LOGS")) and (outcome.violations or outcome.bugs):
        shutil.copytree(stack.data_dir.logs, folder, dirs_exist_ok=True)
