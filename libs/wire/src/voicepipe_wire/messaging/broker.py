"""The connection to NATS, and the streams that must exist on it. A service that finds one missing creates it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.js.api import (
    ConsumerConfig,
    DiscardPolicy,
    RawStreamMsg,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    StreamInfo,
)
from nats.js.client import JetStreamContext
from nats.js.errors import APIError, NotFoundError

from voicepipe_wire import aio
from voicepipe_wire.errors import Dependency, Unavailable
from voicepipe_wire.failures import outage
from voicepipe_wire.settings import ProcessSettings, WorkerSettings

from . import subjects
from .subjects import Queue

log = structlog.get_logger(__name__)

P = ParamSpec("P")
Result = TypeVar("Result")

DAY_S = 86_400.0
# The relay publishes what a crash left in the outbox within seconds, so ten minutes are generous.
DUPLICATE_WINDOW_S = 600.0
PUBLISH_TIMEOUT_S = 2.0
# Events are for clients that follow a job. If a busy week holds more than this, its oldest events go before the disk is full, because a
# full disk refuses commands too.
EVENTS_MAX_BYTES = 1 << 30

STREAMS = (
    StreamConfig(
        name=subjects.WORK,
        subjects=["work.>"],
        retention=RetentionPolicy.WORK_QUEUE,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        duplicate_window=DUPLICATE_WINDOW_S,
        allow_direct=True,
    ),
    StreamConfig(
        name=subjects.EVENTS,
        subjects=["events.*.*.*"],
        storage=StorageType.FILE,
        max_age=7 * DAY_S,
        max_bytes=EVENTS_MAX_BYTES,
        duplicate_window=DUPLICATE_WINDOW_S,
        allow_direct=True,
    ),
    StreamConfig(
        name=subjects.DLQ,
        subjects=["dlq.*"],
        storage=StorageType.FILE,
        max_age=30 * DAY_S,
        duplicate_window=DUPLICATE_WINDOW_S,
        allow_direct=True,
    ),
    StreamConfig(
        name=subjects.ADVISORIES,
        subjects=[subjects.MAX_DELIVERIES, subjects.MSG_TERMINATED],
        storage=StorageType.FILE,
        max_age=7 * DAY_S,
    ),
    StreamConfig(
        name=subjects.BACKLOG,
        subjects=[subjects.BACKLOG_SUBJECT],
        storage=StorageType.FILE,
        max_msgs_per_subject=1,
        allow_direct=True,
    ),
)


# The fields of a stream that the code relies on. Others (replicas, limits, placement) are the operator's.
REQUIRED_FIELDS = ("subjects", "discard", "duplicate_window", "allow_direct")

LOG_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a stage's commands are delivered.

    A worker that sends no heartbeat for `ack_wait_s` counts as dead. A command that has waited for a dependency for `wait_s` goes back to its
    queue, where it is seen again after `put_back_delay_s`.
    """

    ack_wait_s: float = 30.0
    max_deliver: int = 5
    wait_s: float = 60.0
    put_back_delay_s: float = 30.0

    @classmethod
    def of(cls, settings: WorkerSettings) -> Delivery:
        return cls(settings.ack_wait_s, settings.max_deliver, settings.outage_wait_s, settings.put_back_delay_s)


DEFAULT_DELIVERY = Delivery()


@asynccontextmanager
async def connect(settings: ProcessSettings, name: str) -> AsyncIterator[JetStream]:
    """A client that connects in the background and keeps trying. The server may be unavailable at any time.

    By default nats-py gives up after two minutes without a server.
    """
    client, errors = Client(), _ErrorLog()
    connecting = client.connect(
        [url.strip() for url in settings.nats_url.get_secret_value().split(",")],
        name=name,
        tls=settings.tls_context() if settings.ca_file else None,
        user_credentials=str(settings.nats_credentials_file) if settings.nats_credentials_file else None,
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.5,  # type: ignore[arg-type]  # seconds, and any number works
        ping_interval=10,
        max_outstanding_pings=2,
        error_cb=errors.record,
        disconnected_cb=_log_disconnect,
    )
    async with aio.background(errors.watch(connecting)) as watching:
        try:
            yield JetStream(client, errors, settings.nats_replicas)
        finally:
            await client.close()
            # nats-py connects with `wait_for`, which can swallow a cancellation (see `aio`), and would retry forever.
            while not watching.done():
                watching.cancel()
                await asyncio.wait({watching}, timeout=0.2)


class _ErrorLog:
    """Remembers the last error of a connection, and logs it at most every `LOG_EVERY_S`: nats-py retries twice a second."""

    def __init__(self) -> None:
        self.last = "not connected yet"
        self._logged_at = -LOG_EVERY_S

    async def record(self, error: Exception) -> None:
        self.last = f"{type(error).__name__}: {error}".rstrip(": ")
        if time.monotonic() - self._logged_at >= LOG_EVERY_S:
            self._logged_at = time.monotonic()
            log.warning("NATS connection error", reason=self.last)

    async def watch(self, connecting: Coroutine[Any, Any, None]) -> None:
        try:
            await connecting
        except Exception as error:  # noqa: BLE001 - such as an invalid URL; `check` reports it
            await self.record(error)


async def _log_disconnect() -> None:
    log.warning("broker connection lost, reconnecting")


def noticing_outages(method: Callable[P, Awaitable[Result]]) -> Callable[P, Coroutine[Any, Any, Result]]:
    """Raise `Unavailable` for every outage but a missing stream or consumer, which callers create again."""

    @wraps(method)
    async def noticing(*arguments: P.args, **options: P.kwargs) -> Result:
        try:
            return await method(*arguments, **options)
        except NotFoundError:
            raise
        except Exception as error:
            if (away := outage(error)) is None:
                raise
            raise Unavailable(Dependency.BROKER, str(away)) from error

    return noticing


class JetStream:
    """Streams, consumers and publishing; the outbox's `Publisher`.

    Raises:
        Unavailable: from every method, within seconds, when the broker is unavailable.
    """

    def __init__(self, client: Client, errors: _ErrorLog, replicas: int) -> None:
        self.client = client
        self.context: JetStreamContext = client.jetstream(timeout=PUBLISH_TIMEOUT_S)
        self._errors = errors
        self._replicas = replicas

    @noticing_outages
    async def publish(self, subject: str, payload: bytes, headers: dict[str, str]) -> int:
        """Store the message and return its stream sequence. It may have been stored although an outage is raised."""
        await self.check()
        try:
            ack = await self.context.publish(subject, payload, headers=headers, timeout=PUBLISH_TIMEOUT_S)
        except NotFoundError as error:  # nobody listens: the stream is missing
            raise Unavailable(Dependency.BROKER, "NATS did not store the message") from error
        return ack.seq

    @property
    def is_connected(self) -> bool:
        return bool(self.client.is_connected)

    async def check(self) -> None:
        """Check that the client is connected.

        Raises:
            Unavailable: it is not; the message has the last error.
        """
        if not self.is_connected:
            raise Unavailable(Dependency.BROKER, f"NATS is unavailable: {self._errors.last}")

    @noticing_outages
    async def request(self, subject: str, payload: bytes, *, timeout_s: float, own_inbox: bool = False) -> Msg:
        """Send a request and return its one reply.

        `own_inbox` subscribes to an inbox for this request alone. A pulled message needs that: it arrives under its own
        subject, which the client's shared inbox cannot match to the request.
        """
        return await self.client.request(subject, payload, timeout=timeout_s, old_style=own_inbox)

    @noticing_outages
    async def send(
        self, subject: str, payload: bytes = b"", *, reply: str = "", headers: dict[str, str] | None = None
    ) -> None:
        """Publish without the acknowledgement of a stream: what nobody misses, never a command."""
        await self.check()
        await self.client.publish(subject, payload, reply=reply, headers=headers)

    @noticing_outages
    async def subscribe(self, subject: str, callback: Callable[[Msg], Awaitable[None]] | None = None) -> Subscription:
        return await self.client.subscribe(subject, cb=callback)

    async def unsubscribe(self, subscription: Subscription | JetStreamContext.PullSubscription) -> None:
        """End a subscription. One that the client has lost has ended."""
        with suppress(NatsError):
            await subscription.unsubscribe()

    def new_inbox(self) -> str:
        return str(self.client.new_inbox())

    @noticing_outages
    async def stream_info(self, stream: str, subject: str | None = None) -> StreamInfo:
        """The state of a stream; with `subject`, also the number of messages under each matching subject.

        Raises:
            NotFoundError: there is no such stream.
        """
        return await self.context.stream_info(stream, subjects_filter=subject)

    @noticing_outages
    async def message_count(self, stream: str) -> int:
        """The number of messages in a stream; 0 if there is no such stream."""
        try:
            return (await self.stream_info(stream)).state.messages
        except NotFoundError:
            return 0

    @noticing_outages
    async def purge(self, stream: str, subject: str) -> None:
        """Delete the messages of a subject. A stream that does not exist has none."""
        with suppress(NotFoundError):
            await self.context.purge_stream(stream, subject=subject)

    @noticing_outages
    async def add_consumer(self, stream: str, config: ConsumerConfig) -> str:
        return str((await self.context.add_consumer(stream, config)).name)

    @noticing_outages
    async def delete_consumer(self, stream: str, name: str) -> None:
        await self.context.delete_consumer(stream, name)

    @noticing_outages
    async def check_consumer(self, stream: str, name: str) -> None:
        """Check that a consumer exists.

        Raises:
            NotFoundError: the consumer was deleted.
        """
        await self.context.consumer_info(stream, name)

    @noticing_outages
    async def pull_subscribe(
        self, stream: str, durable: str, *, ack_wait_s: float
    ) -> JetStreamContext.PullSubscription:
        config = ConsumerConfig(durable_name=durable, ack_wait=ack_wait_s)
        return await self.context.pull_subscribe("", durable, stream, config=config)

    @noticing_outages
    async def find(self, stream: str, sequence: int) -> RawStreamMsg | None:
        """A stored message, or None if it no longer exists."""
        try:
            return await self.context.get_msg(stream, sequence)
        except NotFoundError:
            return None

    @noticing_outages
    async def drop(self, stream: str, sequence: int) -> None:
        """Delete a stored message. A missing one counts as deleted."""
        try:
            await self.context.delete_msg(stream, sequence)
        except APIError:  # 400, 404 or 500 for a missing message, depending on its neighbours
            if await self.find(stream, sequence) is not None:
                raise

    @noticing_outages
    async def newest_backlog(self) -> bytes:
        """The newest BacklogSnapshot.

        Raises:
            NotFoundError: none has been published.
        """
        message = await self.context.get_last_msg(subjects.BACKLOG, subjects.BACKLOG_SUBJECT, direct=True)
        return message.data or b""

    @noticing_outages
    async def commands(self, queue: Queue, priority: str) -> tuple[int, int]:
        """How many commands of a queue wait, and how many are in flight.

        The leader of the consumer answers. Before a worker has created the consumer, all commands in the stream wait.
        """
        try:
            info = await self.context.consumer_info(subjects.WORK, queue.consumer(priority))
        except NotFoundError:
            return await self._stored(queue.subject(priority)), 0
        return info.num_pending or 0, info.num_ack_pending or 0

    @noticing_outages
    async def dead_letters(self) -> dict[str, int] | None:
        """The number of dead letters by stage; None if the stream does not exist."""
        try:
            found = (await self.stream_info(subjects.DLQ, subjects.dead_letter("*"))).state.subjects or {}
        except NotFoundError:
            return None
        return {subject.removeprefix(subjects.dead_letter("")): count for subject, count in found.items()}

    async def _stored(self, subject: str) -> int:
        with suppress(NotFoundError):
            return ((await self.stream_info(subjects.WORK, subject)).state.subjects or {}).get(subject, 0)
        return 0

    @noticing_outages
    async def ensure_streams(self) -> None:
        """Create missing streams, and set the required fields of existing ones. All other fields stay as they are."""
        for config in STREAMS:
            try:
                existing = (await self.context.stream_info(str(config.name))).config
            except NotFoundError:
                log.info("stream missing, creating it", stream=config.name)
                await self.context.add_stream(replace(config, num_replicas=self._replicas))
                continue
            required = {name: value for name in REQUIRED_FIELDS if (value := getattr(config, name))}
            wanted = replace(existing, **required)
            if wanted != existing:
                log.info("stream changed, updating it", stream=config.name)
                await self.context.update_stream(wanted)

    @noticing_outages
    async def ensure_consumer(self, queue: Queue, priority: str, delivery: Delivery) -> None:
        """Create or update the durable consumer of a queue and priority."""
        await self.context.add_consumer(
            subjects.WORK,
            ConsumerConfig(
                durable_name=queue.consumer(priority),
                filter_subject=queue.subject(priority),
                ack_wait=delivery.ack_wait_s,
                max_deliver=delivery.max_deliver,
                max_ack_pending=10_000,
            ),
        )
