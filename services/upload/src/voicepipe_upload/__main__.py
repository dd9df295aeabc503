"""Run upload: `python -m voicepipe_upload`."""

from __future__ import annotations

import sys

from voicepipe_wire.service import run_service
from voicepipe_wire.storage import database, objects
from voicepipe_wire.web import server

from . import app
from .lazy_publisher import LazyPublisher
from .settings import Settings


async def run(settings: Settings) -> None:
    publisher = LazyPublisher(settings)
    async with await database.connect(settings) as pool, objects.connect(settings) as store:
        application = app.create(settings, pool, store, publisher)
        try:
            await server.serve(application, settings.http_host, settings.http_port, publisher.connect)
        finally:
            # After the server has stopped, so that the last uploads are still published.
            await publisher.close()


def main() -> int:
    return run_service("upload", Settings, run)


if __name__ == "__main__":
    sys.exit(main())
