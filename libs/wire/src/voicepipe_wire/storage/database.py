"""The connection pool of PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Protocol

import asyncpg
from asyncpg import Pool

from voicepipe_wire.settings import Settings

__all__ = ["SCHEMA_VERSION", "TRANSIENT_ERRORS", "Connection", "Pool", "affected", "check_schema", "close", "connect"]

# The number of the newest migration. A test compares it with the folder of migrations.
SCHEMA_VERSION = 6

CLOSE_TIMEOUT_S = 5.0

# Raised by PostgreSQL and the driver while the server is unavailable, starting, stopping, failing over or overloaded.
# The same work succeeds later. By class of the SQLSTATE: 08, 57, 53, 40, and 25006.
TRANSIENT_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.ReadOnlySQLTransactionError,
    # The driver was interrupted in the middle of its protocol, as by a server that stops.
    asyncpg.InternalClientError,
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
        TRANSIENT_ERRORS: the server does not answer.
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


async def _skip_reset(_: Any) -> None:
    """Skip the reset of a released connection, which costs a round trip after every query.

    Nothing needs it: no code changes session state, and asyncpg rolls back open transactions itself.
    """
