"""Run upload: `python -m voicepipe_upload`."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from voicepipe_api import SERVICES
from voicepipe_wire.messaging import broker
from voicepipe_wire.rpc.server import RpcServer
from voicepipe_wire.service import Running, Startup, run_service
from voicepipe_wire.storage import objects

from . import app
from .settings import Settings


@asynccontextmanager
async def start(settings: Settings, startup: Startup) -> AsyncIterator[Running]:
    # It does not wait for NATS, which accepting a recording does not need, nor for the object store: without that, each
    # upload gets a 503.
    async with (
        broker.connect(settings, "upload") as jetstream,
        startup.database(settings) as pool,
        objects.connect(settings) as store,
    ):
        received_by = app.protocols(settings, pool, store, jetstream)
        checks = {"postgresql": lambda: pool.fetchval("SELECT 1")}
        rpc = RpcServer(settings, [app.service(received_by)], checks, reflected=SERVICES, grace_s=settings.grace_s)
        yield Running(
            rpc.run,
            app.create(received_by),
            checks=checks,
            reported={"nats": jetstream.check, "object_store": store.ensure_bucket},
            on_draining=rpc.drain,
        )


def main() -> int:
    return run_service("upload", Settings, start)


if __name__ == "__main__":
    sys.exit(main())
