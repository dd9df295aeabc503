"""Run the service: `python -m voicepipe_status`."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from voicepipe_api import SERVICES
from voicepipe_wire.messaging import broker
from voicepipe_wire.messaging.broker import JetStream
from voicepipe_wire.messaging.outbox import Outbox
from voicepipe_wire.messaging.stream_reader import StreamReader
from voicepipe_wire.messaging.subjects import DLQ, EVENTS
from voicepipe_wire.rpc.server import RpcServer
from voicepipe_wire.service import Running, Startup, run_service
from voicepipe_wire.storage import objects
from voicepipe_wire.storage.database import Pool
from voicepipe_wire.storage.objects import ObjectStore
from voicepipe_wire.web.auth import Authenticator
from voicepipe_wire.web.idempotency import IdempotencyKeys

from . import app
from .backlog import BacklogReader
from .dependencies import Dependencies
from .events.hub import Hub
from .playing import Players
from .pool_states import PoolStates
from .queries import Queries
from .settings import StatusSettings

# A full collection visits every object of every open stream: with 2,000 streams it stops the event loop for up to 0.6 s, and by default it runs every few
# seconds. Streams leave hardly any cycles behind, so it is needed rarely.
GC_THRESHOLDS = (5_000, 10, 200)


@asynccontextmanager
async def start(settings: StatusSettings, startup: Startup) -> AsyncIterator[Running]:
    # It does not wait for NATS and stays ready without it: transcripts come from PostgreSQL, and requests for events get
    # a 503.
    async with (
        broker.connect(settings, "status") as jetstream,
        startup.database(settings) as pool,
        objects.connect(settings) as store,
        objects.connect(settings, settings.max_audio_streams) as recordings,
    ):
        dependencies = build(settings, pool, jetstream, store, players(settings, recordings))
        checks = {"postgresql": dependencies.queries.ping}
        rpc = RpcServer(settings, app.services(dependencies), checks, reflected=SERVICES, grace_s=settings.grace_s)

        async def work(stop: asyncio.Event) -> None:
            async with asyncio.TaskGroup() as tasks:
                for task in (dependencies.hub.run, dependencies.pools.run, rpc.run):
                    tasks.create_task(task(stop))

        yield Running(
            work,
            app.create(dependencies),
            checks=checks,
            reported={"nats": jetstream.check, "events": dependencies.hub.ready},
            on_draining=rpc.drain,
        )


def players(settings: StatusSettings, recordings: ObjectStore) -> Players:
    return Players(
        recordings,
        stall_s=settings.audio_stall_s,
        max_streams=settings.max_audio_streams,
        max_per_owner=settings.max_audio_streams_per_owner,
    )


def build(
    settings: StatusSettings, pool: Pool, jetstream: JetStream, store: ObjectStore, players: Players
) -> Dependencies:
    return Dependencies(
        settings=settings,
        authenticate=Authenticator(pool),
        queries=Queries(pool),
        outbox=Outbox(pool, jetstream, "status"),
        objects=store,
        players=players,
        hub=Hub(
            jetstream,
            queue_length=settings.event_queue_length,
            max_streams_per_owner=settings.max_event_streams,
        ),
        events=StreamReader(jetstream, EVENTS),
        entries=StreamReader(jetstream, DLQ),
        backlog=BacklogReader(jetstream),
        pools=PoolStates(jetstream),
        keys=IdempotencyKeys(pool),
    )


def main() -> int:
    gc.set_threshold(*GC_THRESHOLDS)
    return run_service("status", StatusSettings, start)


if __name__ == "__main__":
    sys.exit(main())
