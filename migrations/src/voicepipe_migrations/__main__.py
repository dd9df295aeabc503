"""Migrate the database to the newest schema: `python -m voicepipe_migrations`.

Waits for PostgreSQL. Safe to repeat, and safe when several replicas start at once: one of them migrates under an advisory
lock while the others wait. yoyo has a lock of its own, a table row that a killed process leaves behind. While the
advisory lock is held that row is stale, so `migrate` breaks it.

If a first key is given (`VOICEPIPE_API_KEY`), its hash is stored for the operator `VOICEPIPE_API_KEY_USER`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import yoyo
from pydantic import SecretStr, ValidationError
from voicepipe_wire.settings import DatabaseSettings, invalid
from voicepipe_wire.web import keys

# An arbitrary number; no other user of the database may lock it.
LOCK = 0x766F696365

RETRY_S = 1.0
SAY_EVERY_S = 10.0


class Settings(DatabaseSettings):
    # How long to wait for PostgreSQL.
    database_wait_s: float = 300.0
    api_key: SecretStr | None = None
    api_key_user: str = "operator"


def main() -> int:
    try:
        settings = Settings()
        key = settings.api_key.get_secret_value() if settings.api_key else ""
        if key:
            keys.check_form(key)
    except ValidationError as error:
        print(invalid("voicepipe_migrations", error), file=sys.stderr)
        return 2
    except ValueError as error:
        print(f"VOICEPIPE_API_KEY cannot be used. {error}", file=sys.stderr)
        return 2
    url = settings.database_url.get_secret_value()
    try:
        wait_for_database(url, settings.database_wait_s)
        applied = migrate(url)
    except psycopg.OperationalError as error:
        print(f"PostgreSQL does not answer: {str(error).splitlines()[0]}", file=sys.stderr)
        return 1
    print(f"schema is up to date, {applied} migrations applied")
    if key:
        asyncio.run(keys.store(url, settings.api_key_user, "first key", key, operator=True))
        print(f"the first key is stored for the user {settings.api_key_user}")
    return 0


def wait_for_database(url: str, timeout_s: float) -> None:
    """Return as soon as the database accepts connections.

    Raises:
        psycopg.OperationalError: it does not, after `timeout_s`.
    """
    deadline_s, said_s = time.monotonic() + timeout_s, -SAY_EVERY_S
    while True:
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline_s:
                raise
            if time.monotonic() - said_s > SAY_EVERY_S:
                said_s = time.monotonic()
                print(f"waiting for PostgreSQL: {str(error).splitlines()[0]}", file=sys.stderr)
            time.sleep(RETRY_S)
        else:
            return


def migrate(url: str) -> int:
    """Apply the pending migrations and return their number."""
    with psycopg.connect(url, autocommit=True) as guard:
        guard.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        backend = yoyo.get_backend(urlsplit(url)._replace(scheme="postgresql+psycopg").geturl())
        try:
            backend.break_lock()
            missing = backend.to_apply(yoyo.read_migrations(str(Path(__file__).parent / "sql")))
            with backend.lock():
                backend.apply_migrations(missing)
            return len(missing)
        finally:
            backend.connection.close()


if __name__ == "__main__":
    sys.exit(main())
