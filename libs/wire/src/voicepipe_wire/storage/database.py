"""The connection pool of PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Protocol

import asyncpg
from asyncpg import Pool

from voicepipe_wire.errors import Dependency, Unavailable
from voicepipe_wire.failures import Breaker, outage
from voicepipe_wire.settings import Settings

__all__ = ["SCHEMA_VERSION", "Connection", "Pool", "affected", "check_schema", "close", "connect"]

# The number of the newest migration. A test compares it with the folder of migrations.
SCHEMA_VERSION = 10

CLOSE_TIMEOUT_S = 5.0

# asyncpg's default is a minute. A server in the same data centre answers within milliseconds.
CONNECT_TIMEOUT_S = 5.0
STATEMENT_TIMEOUT_S = 30.0


class PoolConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """A connection whose statements raise `Unavailable` when it is the server that is away and not the statement that is wrong."""

    async def execute(self, query: str, *arguments: Any, **options: Any) -> Any:
        with self._noticing_outages():
            return await super().execute(query, *arguments, **options)

    async def executemany(self, command: str, args: Iterable[Sequence[Any]], **options: Any) -> None:
        with self._noticing_outages():
            await super().executemany(command, args, **options)

    async def fetch(self, query: str, *arguments: Any, **options: Any) -> Any:
        with self._noticing_outages():
            return await super().fetch(query, *arguments, **options)

    async def fetchrow(self, query: str, *arguments: Any, **options: Any) -> Any:
        with self._noticing_outages():
            return await super().fetchrow(query, *arguments, **options)

    async def fetchval(self, query: str, *arguments: Any, **options: Any) -> Any:
        with self._noticing_outages():
            return await super().fetchval(query, *arguments, **options)

    @contextmanager
    def _noticing_outages(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if not isinstance(error, OSError) and outage(error) is None:
                raise
            raise _unavailable(error) from error


async def connect(settings: Settings) -> Pool:
    """A pool whose connections decode `jsonb`.

    Raises:
        Unavailable: the server does not answer.
    """
    breaker = Breaker(Dependency.DATABASE)

    async def connect_once(*arguments: Any, **options: Any) -> Any:
        with breaker.call():
            try:
                connection = await asyncpg.connect(*arguments, **options)
                await _register_json_codec(connection)
            except OSError as error:  # also a missing Unix socket: in a file system that would be a bug
                raise _unavailable(error) from error
        return connection

    return await asyncpg.create_pool(
        settings.database_url.get_secret_value(),
        min_size=1,
        max_size=settings.database_pool_size,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=STATEMENT_TIMEOUT_S,
        connection_class=PoolConnection,
        connect=connect_once,
        reset=_skip_reset,
    )


async def close(pool: Pool) -> None:
    """Close the pool. If the server does not respond, asyncpg terminates the connections when it is cancelled."""
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await pool.close()


async def check_schema(pool: Pool) -> None:
    """Check that the schema has at least the version that this code needs.

    A newer schema is fine: every migration is compatible with the previous version of the code, so a rollback needs no
    change of the database.

    Raises:
        LookupError: the database must be migrated first.
        Unavailable: the server does not answer.
    """
    try:
        version = await pool.fetchval(
            "SELECT max(substring(migration_id FROM '^([0-9]{4})[.]')::int) FROM _yoyo_migration"
        )
    except asyncpg.UndefinedTableError:
        version = None
    if (version or 0) < SCHEMA_VERSION:
        raise LookupError(f"it has version {version or 0}, {SCHEMA_VERSION} is needed: run the migrations")


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


def _unavailable(error: Exception) -> Unavailable:
    return Unavailable(Dependency.DATABASE, f"{type(error).__name__}: {error}".rstrip(": ")[:200])


async def _skip_reset(_: Any) -> None:
    """Skip the reset of a released connection, which costs a round trip after every query.

    Nothing needs it: no code changes session state, and asyncpg rolls back open transactions itself.
    """
