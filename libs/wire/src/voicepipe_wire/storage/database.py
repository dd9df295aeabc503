"""The connection pool of PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import asyncpg
from asyncpg import Pool

from voicepipe_wire.settings import Settings

__all__ = ["TRANSIENT_ERRORS", "Connection", "Pool", "affected", "connect"]

# Raised by PostgreSQL and the driver while the server is unavailable, starting or stopping. The same work succeeds
# later.
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
    """A pool whose connections decode `jsonb`.

    Raises:
        TRANSIENT_ERRORS: the server does not answer.
    """
    return await asyncpg.create_pool(
        settings.database_url.get_secret_value(),
        min_size=1,
        max_size=settings.database_pool_size,
        command_timeout=30,
        init=_register_json_codec,
        reset=_skip_reset,
    )


class Connection(Protocol):
    """Executes SQL: a connection, in a transaction or not, or the pool."""

    async def execute(self, query: str, *arguments: Any) -> str: ...

    async def executemany(self, query: str, arguments: Iterable[Sequence[Any]]) -> None: ...

    async def fetch(self, query: str, *arguments: Any) -> list[Any]: ...

    async def fetchrow(self, query: str, *arguments: Any) -> Any: ...

    async def fetchval(self, query: str, *arguments: Any) -> Any: ...


def affected(status: str) -> int:
    """The number of rows that a statement changed, from asyncpg's command tag, such as `UPDATE 3`."""
    return int(status.rpartition(" ")[2])


async def _register_json_codec(connection: Any) -> None:
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")


async def _skip_reset(_: Any) -> None:
    """Skip the reset of a released connection, which costs a round trip after every query.

    Nothing needs it: no code changes session state, and asyncpg rolls back open transactions itself.
    """
