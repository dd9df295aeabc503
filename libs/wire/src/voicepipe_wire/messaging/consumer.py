"""Pull commands, run a handler for each, and settle each delivery with the broker.

| the handler | the message |
|---|---|
| returns | is acked |
| tells of an outage (`failures.classify`) | stays in flight: heartbeats continue, the handler runs again; no delivery is spent |
| does so for `wait_s` | is put back: published as a new message after `put_back_delay_s`, so the slot is free for others |
| raises Reject | becomes a dead letter |
| raises anything else | is a bug: nak with growing delay, a dead letter on the last delivery |
| does not end within `grace_s` after `stop` | is handed back: the handler is cancelled, the command published as a new message |
| dies with its process | is redelivered after `ack_wait_s`; after the last delivery, the controller reads an advisory |

Invariants:

- One pull per free slot. `run` takes a slot before it pulls and `_process` releases it, so no message waits inside a
  worker while its `ack_wait_s` runs.
- A message is in flight (`Occupancy`) before the lock of its pull is released: see `worker_state`.
- Heartbeats while a handler runs, the waits between its runs included (`aio.background` in `_process`). Only a dead or
  disconnected worker lets `ack_wait_s` expire.
- Whatever is unavailable, a slot is held for about `wait_s`, except while PostgreSQL itself is away: the command cannot be put back
  without it, and no other command could do anything either.
- Exactly one of ack, nak, term or nothing per delivery. `_deliver` settles as its last step on every path. Nothing is
  sent only if the process dies, or if settling itself fails (the broker or the database is lost); then the message is
  redelivered after `ack_wait_s`, or the advisory follows.
- A handler can run twice for one command, even at the same time (a late heartbeat, a lost ack), so handlers are safe to
  repeat: `jobs.claim` shows how.

Races:

- A command is published between an empty pull and the wait. `_next_message` clears the wake-up before it pulls, so the
  wait ends at once. A wake-up that arrives before the stream has stored its message finds nothing; the short polls that
  follow find it. Redeliveries cause no wake-up; the poll every `POLL_INTERVAL_S` finds them.
- The answer to a pull is lost (timeout, reconnect). The server counts a delivery and redelivers after `ack_wait_s`.
- `stop` is set during a pull. The message that it returns is still handled: `run` checks `stop` between messages only.
- `stop` is set during a wait: the message is handed back at once, because waiting longer helps nobody.
- A handler is cancelled while its last transaction commits. Whether it did is unknown, so the command is handed back
  either way; the worker that repeats it finds the stage ended.
- A cancelled handler does not end, because it waits for a thread or a server. Its command is handed back all the same, and the process is
  killed in the end; another worker may repeat the command meanwhile.
- A worker dies between publishing a command again and acking the old message. There are two copies, never none.
- The row of a command that is put or handed back is gone: its job has ended, or a newer message has taken its place. The message is acked.
- A worker dies while it dead-letters. The order in `_dead_letter` defends: publish the dead letter, change the job,
  terminate the message. Until the last step the message exists, so redelivery (or the advisory) repeats what is
  missing. Repeating is harmless: the stream drops a second `dlq-<message id>` within its duplicate window,
  `on_dead_lettered` ignores a stage that has ended, and once the job has changed the redelivered handler has nothing to
  do and acks. Were the job changed first, it could fail without a dead letter to redrive; were the message terminated
  first, the job could be stuck without either.
- A worker dies on the last delivery. The broker keeps the message but delivers it no more; the controller reads the
  advisory and takes the same three steps.
- The consumer or its stream is deleted. A pull is answered with "no responders", `_recreate_missing` creates both,
  `ready` raises until a pull succeeds, and the sweeper requeues the commands that the stream held.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog
from google.protobuf.message import Message
from nats.aio.msg import Msg
from prometheus_client import Counter, Gauge, Histogram

from voicepipe_wire import aio, telemetry
from voicepipe_wire.errors import Dependency, Reject, Unavailable
from voicepipe_wire.failures import outage, tolerating_outages

from .broker import DEFAULT_DELIVERY, Delivery, JetStream
from .dead_letters import DeadLetter
from .envelope import Envelope, handle, unpack
from .outbox import Outbox
from .patience import Fate, Handlers, OnWaiting, Patience, jitter, note_nothing, retry_delay_s
from .subjects import WORK, Priority, Queue, priority_of
from .worker_state import Occupancy, RemoteControl

log = structlog.get_logger(__name__)

HANDLED = Counter("voicepipe_commands_total", "Commands handled", ["stage", "priority", "outcome"])
IN_FLIGHT = Gauge("voicepipe_commands_in_flight", "Commands in flight", ["stage"])
COMMAND_DURATION = Histogram(
    "voicepipe_command_duration_seconds",
    "Time a command was in flight",
    ["stage"],
    buckets=(0.01, 0.1, 0.5, 1, 5, 30, 120, 600, 3600),
)

# Four of five pulls try premium first, so premium is quick and standard gets at least a fifth of the workers.
PRIORITY_ROTATION = (Priority.PREMIUM,) * 4 + (Priority.STANDARD,)
# Redeliveries cause no wake-up, so the worker polls every second. A wake-up may precede the stored message, or be for
# another worker, so the first polls after it follow quickly.
POLL_INTERVAL_S = 1.0
FIRST_POLL_S, POLL_BACKOFF = 0.01, 4.0
PULL_TIMEOUT_S = 2.0
# Most handlers that are cancelled end at once. Then no two work on the same command.
CANCELLATION_S = 2.0

# Lets the job continue without this work, or fails it: (command, error). Safe to repeat.
OnDeadLettered = Callable[[Message, Reject], Awaitable[None]]


def always() -> bool:
    return True


def unknown_s() -> float:
    return 0.0


class Worker:
    """Handles the commands of one queue, up to `concurrency` at a time.

    It pulls only while `may_pull()` is true. After `stop`, handlers have `grace_s` to end. `name` is unique among all workers;
    `slots` is how many commands it really works on at once (all of them by default), and `remaining_s()` the time until the last of them will
    be done.
    """

    def __init__(
        self,
        jetstream: JetStream,
        outbox: Outbox,
        queue: Queue,
        handlers: Handlers,
        on_dead_lettered: OnDeadLettered,
        *,
        concurrency: int = 1,
        delivery: Delivery = DEFAULT_DELIVERY,
        grace_s: float = 10.0,
        may_pull: Callable[[], bool] = always,
        on_waiting: OnWaiting = note_nothing,
        name: str = "worker",
        slots: int | None = None,
        remaining_s: Callable[[], float] = unknown_s,
    ) -> None:
        self._jetstream = jetstream
        self._outbox = outbox
        self._queue = queue
        self._stage = queue.stage
        self._handlers = handlers
        self._on_dead_lettered = on_dead_lettered
        self._delivery = delivery
        self._grace_s = grace_s
        self._may_pull = may_pull
        self._patience = Patience(queue.stage, handlers, delivery, on_waiting)
        self._occupancy = Occupancy(slots or concurrency)
        self._control = RemoteControl(jetstream, queue, name, self._occupancy, remaining_s)
        self._out_of_time = asyncio.Event()
        self._slots = asyncio.Semaphore(concurrency)
        self._wake_up = asyncio.Event()
        self._rotation = itertools.cycle(PRIORITY_ROTATION)
        self._connected = False

    async def ready(self) -> None:
        """Return if the last pull succeeded.

        Raises:
            ConnectionError: commands cannot be pulled.
        """
        if not self._connected:
            raise ConnectionError("no commands can be pulled")

    async def run(self, stop: asyncio.Event) -> None:
        """Handle commands until `stop` is set, then finish those in flight, or hand them back after `grace_s`."""
        await self._recreate_missing()
        async with (
            self._control.answering(),
            self._wake_ups(stop),
            aio.background(self._end_grace(stop)),
            asyncio.TaskGroup() as handlers,
        ):
            while not stop.is_set():
                await self._slots.acquire()
                message = await self._next_message(stop)
                if message is None:
                    break
                handlers.create_task(self._process(message, stop))

    async def _next_message(self, stop: asyncio.Event) -> Msg | None:
        """Wait for the next message of either priority; None once `stop` is set."""
        pause_s = FIRST_POLL_S
        while not stop.is_set():
            self._wake_up.clear()
            try:
                message = await self._pull_if_allowed()
                self._connected = True
            except Unavailable as away:
                self._connected = False
                message, pause_s = None, POLL_INTERVAL_S
                log.warning("commands cannot be pulled", stage=self._stage, reason=str(away))
                await self._recreate_missing()
            if message is not None:
                return message
            try:
                # Not `wait_for`: see `aio`.
                async with asyncio.timeout(pause_s):
                    await self._wake_up.wait()
                pause_s = FIRST_POLL_S
            except TimeoutError:
                pause_s = min(pause_s * POLL_BACKOFF, POLL_INTERVAL_S)
        return None

    async def _pull_if_allowed(self) -> Msg | None:
        async with self._control.pulling() as allowed:
            message = await self._pull_by_priority() if allowed and self._may_pull() else None
            if message is not None:
                self._occupancy.begin()
        return message

    async def _pull_by_priority(self) -> Msg | None:
        first = next(self._rotation)
        for priority in (first, *(other for other in Priority if other is not first)):
            if message := await self._pull(priority):
                return message
        return None

    async def _pull(self, priority: Priority) -> Msg | None:
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{WORK}.{self._queue.consumer(priority)}"
        request = json.dumps({"batch": 1, "no_wait": True}).encode()
        # Also unavailable: no responders, because the consumer or its stream was deleted although the connection is up.
        message = await self._jetstream.request(subject, request, timeout_s=PULL_TIMEOUT_S, own_inbox=True)
        status = (message.headers or {}).get("Status")
        if status is None:
            return message
        if status in {"404", "408"}:  # no message waits
            return None
        raise Unavailable(Dependency.BROKER, f"a pull was answered with {status}")

    async def _recreate_missing(self) -> None:
        """Create the streams and consumers that the server lacks. Does nothing while it is unavailable."""
        with tolerating_outages("streams and consumers not checked"):
            await self._jetstream.ensure_streams()
            for priority in Priority:
                await self._jetstream.ensure_consumer(self._queue, priority, self._delivery)

    async def _process(self, message: Msg, stop: asyncio.Event) -> None:
        priority = priority_of(message.subject)
        IN_FLIGHT.labels(self._stage).inc()
        outcome = "lost"
        try:
            async with aio.background(self._heartbeat(message)):
                with (
                    COMMAND_DURATION.labels(self._stage).time(),
                    telemetry.span(f"{self._stage} command", message.headers),
                ):
                    outcome = await self._deliver(message, stop)
        except Exception as error:
            # Redelivered after `ack_wait_s`.
            if (away := outage(error)) is None:
                log.exception("bug while settling a command", stage=self._stage)
            else:
                log.warning("command not settled, waiting for redelivery", stage=self._stage, reason=str(away))
        finally:
            HANDLED.labels(self._stage, priority, outcome).inc()
            IN_FLIGHT.labels(self._stage).dec()
            self._occupancy.end()
            self._slots.release()

    async def _deliver(self, message: Msg, stop: asyncio.Event) -> str:
        try:
            envelope, command = self._decode(message)
        except Reject as reject:
            return await self._dead_letter(message, None, reject)
        handle(envelope)
        structlog.contextvars.bind_contextvars(job=getattr(command, "job_id", None), command=str(envelope.id))
        while True:
            async with aio.background(self._patience.run(command, stop)) as handling:
                if not await self._ends_within_grace(handling):
                    # Before it has ended: it may wait for a thread or for a server, and there is no time left.
                    await self._settle(message, envelope, Fate.HANDED_BACK)
                    return Fate.HANDED_BACK
            try:
                fate = handling.result()
            except Reject as reject:
                log.info("command rejected", stage=self._stage, code=reject.code)
                return await self._dead_letter(message, command, reject)
            except Exception as error:  # noqa: BLE001 - logged there
                return await self._bug(message, command, error)
            # Not within the `try`: what fails from here on is the connection, not the handler.
            if await self._settle(message, envelope, fate):
                return fate

    async def _bug(self, message: Msg, command: Message, error: Exception) -> str:
        deliveries = message.metadata.num_delivered
        log.error("bug in a handler", stage=self._stage, delivery=deliveries, exc_info=error)
        if deliveries >= self._delivery.max_deliver:
            cause = f"{type(error).__name__}: {error}"
            return await self._dead_letter(message, command, Reject.of("internal_error"), cause)
        await message.nak(delay=retry_delay_s(deliveries))
        return "failed"

    async def _settle(self, message: Msg, envelope: Envelope, fate: Fate) -> bool:
        """Settle a command that is not rejected. False if it was to be put back and PostgreSQL is away: it keeps its slot."""
        if fate is Fate.PUT_BACK:
            try:
                await self._outbox.publish_again(envelope.id, delay_s=self._delivery.put_back_delay_s * jitter())
            except Exception as error:
                if outage(error) is None:
                    raise
                return False
        elif fate is Fate.HANDED_BACK:
            await self._outbox.publish_again(envelope.id)
        await message.ack()
        return True

    async def _ends_within_grace(self, handling: asyncio.Task[Fate]) -> bool:
        """Wait for a handler. False if the worker stops before it has ended: it is cancelled, and has `CANCELLATION_S` for that."""
        async with aio.background(self._out_of_time.wait()) as waiting:
            await asyncio.wait({handling, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if handling.done():
            return True
        handling.cancel()
        await asyncio.wait({handling}, timeout=CANCELLATION_S)
        return False

    async def _end_grace(self, stop: asyncio.Event) -> None:
        await stop.wait()
        await asyncio.sleep(self._grace_s)
        self._out_of_time.set()

    def _decode(self, message: Msg) -> tuple[Envelope, Message]:
        envelope, command = unpack(message.headers, message.data)
        if type(command) not in self._handlers:
            raise Reject.of("bad_message", reason=f"{envelope.type} is not a command of {self._stage}")
        return envelope, command

    async def _dead_letter(self, message: Msg, command: Message | None, reject: Reject, cause: str = "") -> str:
        entry = DeadLetter.from_message(message, reject.code, cause or reject.message)
        await entry.publish(self._jetstream)
        if command is not None:
            await self._on_dead_lettered(command, reject)
        await message.term()
        return "dead_lettered"

    async def _heartbeat(self, message: Msg) -> None:
        while True:
            await asyncio.sleep(self._delivery.ack_wait_s / 3)
            with tolerating_outages("heartbeat of a command not sent"):
                await message.in_progress()

    @asynccontextmanager
    async def _wake_ups(self, stop: asyncio.Event) -> AsyncIterator[None]:
        """Wake the worker when a command of this stage is published, and when it must stop."""

        async def wake(_: Msg) -> None:
            self._wake_up.set()

        async def wake_at_end() -> None:
            await stop.wait()
            self._wake_up.set()

        subscription = await self._jetstream.subscribe(self._queue.subject("*"), wake)
        try:
            async with aio.background(wake_at_end()):
                yield
        finally:
            await self._jetstream.unsubscribe(subscription)
