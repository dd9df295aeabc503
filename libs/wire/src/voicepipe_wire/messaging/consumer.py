"""Pull commands, run a handler on each, tell the broker how it went.

| the handler | the message |
|---|---|
| returns | is acked |
| raises RetryLater | stays in flight: heartbeats go on, the handler is called again after the delay; no delivery is spent |
| raises Reject | becomes a dead letter |
| raises anything else | is a bug: nak with growing delay, a dead letter on the last delivery |
| dies with its process | is delivered again after `ack_wait_s`; the last time, an advisory tells the controller |
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

import structlog
from google.protobuf.message import Message
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from prometheus_client import Counter, Gauge, Histogram

from voicepipe_wire import aio, telemetry
from voicepipe_wire.errors import Reject, RetryLater
from voicepipe_wire.storage.database import TRANSIENT_ERRORS

from .broker import DEFAULT_DELIVERY, Delivery, JetStream
from .dead_letters import DeadLetter
from .envelope import MSG_ID, Envelope, unpack
from .subjects import WORK, Priority, work

log = structlog.get_logger(__name__)

HANDLED = Counter("voicepipe_commands_total", "Commands handled", ["stage", "priority", "outcome"])
IN_FLIGHT = Gauge("voicepipe_commands_in_flight", "Commands that are being worked on", ["stage"])
COMMAND_DURATION = Histogram(
    "voicepipe_command_duration_seconds",
    "Time a command was in flight",
    ["stage"],
    buckets=(0.01, 0.1, 0.5, 1, 5, 30, 120, 600, 3600),
)

# Of five turns four look at premium first: premium is quick, and standard gets a fifth of the workers at least.
PRIORITY_ROTATION = (Priority.PREMIUM,) * 4 + (Priority.STANDARD,)
# Redeliveries ring no bell, so the worker looks every second. The bell may ring before the stream has the message, or
# for somebody else: after each ring it looks again quickly first.
POLL_INTERVAL_S = 1.0
FIRST_POLL_S, POLL_BACKOFF = 0.01, 4.0
PULL_TIMEOUT_S = 2.0
FIRST_RETRY_DELAY_S, MAX_RETRY_DELAY_S = 1.0, 60.0

TRANSIENT: tuple[type[Exception], ...] = (NatsError, *TRANSIENT_ERRORS)

# What to do with a command, by its type.
Handlers = Mapping[type[Message], Callable[[Any], Awaitable[None]]]
# Makes the job go on or end without this work: (command, error).
OnDeadLettered = Callable[[Message, Reject], Awaitable[None]]


class Worker:
    """Works on the commands of one stage, up to `concurrency` at a time."""

    def __init__(
        self,
        jetstream: JetStream,
        stage: str,
        handlers: Handlers,
        on_dead_lettered: OnDeadLettered,
        *,
        concurrency: int = 1,
        delivery: Delivery = DEFAULT_DELIVERY,
    ) -> None:
        self._jetstream = jetstream
        self._stage = stage
        self._handlers = handlers
        self._on_dead_lettered = on_dead_lettered
        self._delivery = delivery
        self._slots = asyncio.Semaphore(concurrency)
        self._wake_up = asyncio.Event()
        self._rotation = itertools.cycle(PRIORITY_ROTATION)
        self._connected = False

    async def ready(self) -> None:
        """Raises while commands cannot be pulled."""
        if not self._connected:
            raise ConnectionError("no commands can be pulled")

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then finish what is in flight."""
        await self._recreate_missing()
        async with self._wake_ups(stop), asyncio.TaskGroup() as handlers:
            while not stop.is_set():
                await self._slots.acquire()
                message = await self._next_message(stop)
                if message is None:
                    break
                handlers.create_task(self._process(message, stop))

    async def _next_message(self, stop: asyncio.Event) -> Msg | None:
        """The next message of either priority, however long it takes; None when it is time to stop."""
        pause_s = FIRST_POLL_S
        while not stop.is_set():
            self._wake_up.clear()
            try:
                message = await self._pull_by_priority()
                self._connected = True
            except ConnectionError as error:
                self._connected = False
                message, pause_s = None, POLL_INTERVAL_S
                log.warning("commands cannot be pulled", stage=self._stage, reason=str(error))
                await self._recreate_missing()
            if message is not None:
                return message
            try:
                # Not wait_for: that of Python 3.11 may swallow a cancellation.
                async with asyncio.timeout(pause_s):
                    await self._wake_up.wait()
                pause_s = FIRST_POLL_S
            except TimeoutError:
                pause_s = min(pause_s * POLL_BACKOFF, POLL_INTERVAL_S)
        return None

    async def _pull_by_priority(self) -> Msg | None:
        first = next(self._rotation)
        for priority in (first, *(other for other in Priority if other is not first)):
            if message := await self._pull(priority):
                return message
        return None

    async def _pull(self, priority: Priority) -> Msg | None:
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{WORK}.{self._stage}-{priority}"
        request = json.dumps({"batch": 1, "no_wait": True}).encode()
        try:
            message = await self._jetstream.request(subject, request, timeout_s=PULL_TIMEOUT_S, own_inbox=True)
        except (NatsError, TimeoutError) as error:
            # No responders: the consumer or its stream is gone, whatever the connection says.
            raise ConnectionError(type(error).__name__) from error
        status = (message.headers or {}).get("Status")
        if status is None:
            return message
        if status in {"404", "408"}:  # nothing there
            return None
        raise ConnectionError(f"status {status}")

    async def _recreate_missing(self) -> None:
        """Put back what was deleted on the server. Without a server there is nothing to do but wait."""
        with suppress(NatsError, TimeoutError, ConnectionError):
            await self._jetstream.ensure_streams()
            for priority in Priority:
                await self._jetstream.ensure_consumer(self._stage, priority, self._delivery)

    async def _process(self, message: Msg, stop: asyncio.Event) -> None:
        priority = message.subject.rpartition(".")[2]
        IN_FLIGHT.labels(self._stage).inc()
        outcome = "lost"
        try:
            async with aio.background(self._heartbeat(message)):
                with (
                    COMMAND_DURATION.labels(self._stage).time(),
                    telemetry.span(f"{self._stage} command", message.headers),
                ):
                    outcome = await self._deliver(message, stop)
        except TRANSIENT as error:
            # It comes again after ack_wait.
            log.warning("could not finish a command", stage=self._stage, error=type(error).__name__)
        except Exception:
            log.exception("bug while a command was settled", stage=self._stage)
        finally:
            HANDLED.labels(self._stage, priority, outcome).inc()
            IN_FLIGHT.labels(self._stage).dec()
            self._slots.release()

    async def _deliver(self, message: Msg, stop: asyncio.Event) -> str:
        try:
            envelope, command = self._decode(message)
        except Reject as reject:
            return await self._dead_letter(message, None, reject)
        structlog.contextvars.bind_contextvars(job=getattr(command, "job_id", None), command=str(envelope.id))
        try:
            while not await self._run_handler(command):
                if stop.is_set():
                    await self._hand_back(message)
                    return "handed_back"
        except Reject as reject:
            log.info("rejected", stage=self._stage, code=reject.code)
            return await self._dead_letter(message, command, reject)
        except Exception as error:
            deliveries = message.metadata.num_delivered
            log.exception("bug in a handler", stage=self._stage, delivery=deliveries)
            if deliveries >= self._delivery.max_deliver:
                cause = f"{type(error).__name__}: {error}"
                return await self._dead_letter(message, command, Reject.of("internal_error"), cause)
            await message.nak(delay=retry_delay_s(deliveries))
            return "failed"
        await message.ack()
        return "done"

    async def _hand_back(self, message: Msg) -> None:
        """A worker that is restarted during an outage is not the work's fault: the last delivery becomes a new message."""
        if message.metadata.num_delivered < self._delivery.max_deliver:
            await message.nak(delay=FIRST_RETRY_DELAY_S)
            return
        headers = {**(message.headers or {}), MSG_ID: str(uuid4())}
        await self._jetstream.publish(message.subject, message.data, headers)
        await message.ack()

    def _decode(self, message: Msg) -> tuple[Envelope, Message]:
        envelope, command = unpack(message.headers, message.data)
        if type(command) not in self._handlers:
            raise Reject.of("bad_message", reason=f"{envelope.type} is not a command of {self._stage}")
        return envelope, command

    async def _run_handler(self, command: Message) -> bool:
        """Run the handler; False if it is to be run again, after the delay that it asked for."""
        try:
            await self._handlers[type(command)](command)
        except RetryLater as later:
            delay_s, reason = later.delay_s, str(later)
        except TRANSIENT_ERRORS as error:
            delay_s, reason = 2.0, type(error).__name__
        else:
            return True
        log.warning("waiting", stage=self._stage, reason=reason, delay_s=delay_s)
        await asyncio.sleep(delay_s * random.uniform(0.8, 1.2))
        return False

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
            with suppress(NatsError):
                await message.in_progress()

    @asynccontextmanager
    async def _wake_ups(self, stop: asyncio.Event) -> AsyncIterator[None]:
        """Whatever is published to this stage rings, and so does the end."""

        async def wake(_: Msg) -> None:
            self._wake_up.set()

        async def wake_at_end() -> None:
            await stop.wait()
            self._wake_up.set()

        subscription = await self._jetstream.subscribe(work(self._stage, "*"), wake)
        try:
            async with aio.background(wake_at_end()):
                yield
        finally:
            with suppress(NatsError):
                await subscription.unsubscribe()


def retry_delay_s(deliveries: int) -> float:
    """Exponential, with a quarter of jitter to either side, so that what failed together does not come back together."""
    return min(MAX_RETRY_DELAY_S, FIRST_RETRY_DELAY_S * 2.0 ** (deliveries - 1)) * random.uniform(0.75, 1.25)
