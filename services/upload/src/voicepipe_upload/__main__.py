"""Run upload: `python -m voicepipe_upload`."""

from __future__ import annotations

import asyncio
import sys

import structlog
from pydantic import ValidationError
from voicepipe_wire import telemetry
from voicepipe_wire.storage import database, objects
from voicepipe_wire.web import server

from . import app
from .lazy_publisher import LazyPublisher
from .settings import Settings

log = structlog.get_logger(__name__)


async def run(settings: Settings) -> None:
    publisher = LazyPublisher(settings)
    async with await database.connect(settings) as pool, objects.connect(settings) as store:
        application = app.create(settings, pool, store, publisher)
        try:
            await server.serve(application, settings.http_host, settings.http_port, publisher.connect)
        finally:
            # Late enough that uploads which end meanwhile are announced.
            await publisher.close()


def main() -> int:
    try:
        settings = Settings()
    except ValidationError as error:
        wrong = ", ".join(f"VOICEPIPE_{'_'.join(map(str, fault['loc'])).upper()}" for fault in error.errors())
        print(f"upload cannot start: set these settings right: {wrong}.", file=sys.stderr)
        return 2
    telemetry.configure("upload", settings.log_level)
    try:
        asyncio.run(run(settings))
    except database.TRANSIENT_ERRORS as error:
        log.error("PostgreSQL does not answer", error=type(error).__name__)  # noqa: TRY400 - one line says it
        return 1
    finally:
        telemetry.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
