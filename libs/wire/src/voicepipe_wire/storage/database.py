"""The pool of connections to PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import asyncpg
from asyncpg import Pool

from voicepipe_wire.settings import Settings

__all__ = ["TRANSIENT_ERRORS", "Connection", "Pool", "affected", "connect"]

# What PostgreSQL and the driver raise while the server is away, starts, or stops. The work will do later.
TRANSIENT_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)


async def connect(settings: Settings) -> Pool:
    """A pool that speaks JSON. Raises what is in `TRANSIENT_ERRORS` when the server does not answer."""
    return await asyncpg.create_pool(
        settings.database_url.get_secret_value(),
        min_size=1,
        max_size=settings.database_pool_size,
        command_timeout=30,
        init=_register_json_codec,
        reset=_skip_reset,
    )


class Connection(Protocol):
    """What SQL is sent through: a connection, in a transaction or not, or the pool itself."""

    async def execute(self, query: str, *arguments: Any) -> str: ...

    async def executemany(self, query: str, arguments: Iterable[Sequence[Any]]) -> None: ...

    async def fetch(self, query: str, *arguments: Any) -> list[Any]: ...

    async def fetchrow(self, query: str, *arguments: Any) -> Any: ...

    async def fetchval(self, query: str, *arguments: Any) -> Any: ...


def affected(status: str) -> int:
    """How many rows a statement changed, by the command tag that asyncpg returns, such as `UPDATE 3`."""
    return int(status.rpartition(" ")[2])


async def _register_json_codec(connection: Any) -> None:
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")


async def _skip_reset(_: Any) -> None:
    """Nothing to put back: no code here changes a session, and asyncpg itself rolls back what was left open.

    Its usual reset is a round trip of its own after every single query.
    """
