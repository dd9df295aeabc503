"""Run the service: `python -m voicepipe_status`."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from voicepipe_wire.messaging import broker
from voicepipe_wire.messaging.broker import JetStream
from voicepipe_wire.messaging.outbox import Outbox
from voicepipe_wire.messaging.stream_reader import StreamReader
from voicepipe_wire.messaging.subjects import DLQ, EVENTS
from voicepipe_wire.service import run_service
from voicepipe_wire.storage import database, objects
from voicepipe_wire.web import server
from voicepipe_wire.web.auth import Authenticator

from . import app
from .dependencies import Dependencies
from .events.hub import Hub
from .queries import Queries
from .settings import StatusSettings


async def run(settings: StatusSettings) -> None:
    async with open_dependencies(settings) as dependencies:
        await server.serve(app.create(dependencies), settings.http_host, settings.http_port, dependencies.hub.run)


@asynccontextmanager
async def open_dependencies(settings: StatusSettings) -> AsyncIterator[Dependencies]:
    """Connect to everything that the routes need.

    Raises:
        database.TRANSIENT_ERRORS: PostgreSQL or NATS is unavailable.
    """
    async with AsyncExitStack() as stack:
        pool = await database.connect(settings)
        stack.push_async_callback(pool.close)
        client = await broker.connect(settings, "status")
        stack.push_async_callback(client.close)
        jetstream = JetStream(client)
        yield Dependencies(
            settings=settings,
            authenticate=Authenticator(pool),
            queries=Queries(pool),
            outbox=Outbox(pool, jetstream, "status"),
            objects=await stack.enter_async_context(objects.connect(settings)),
            hub=Hub(
                jetstream,
                queue_length=settings.event_queue_length,
                max_streams_per_owner=settings.max_event_streams,
            ),
            events=StreamReader(jetstream, EVENTS),
            entries=StreamReader(jetstream, DLQ),
        )


def main() -> int:
    return run_service("status", StatusSettings, run)


if __name__ == "__main__":
    sys.exit(main())
