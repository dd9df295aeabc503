"""Migrate the database to the newest schema: `python -m voicepipe_migrations`.

Safe to repeat, and safe when several replicas start at once: one of them migrates under an advisory lock while the
others wait. yoyo has a lock of its own, a table row that a killed process leaves behind. While the advisory lock is
held that row is stale, so `migrate` breaks it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import yoyo

# An arbitrary number; no other user of the database may lock it.
LOCK = 0x766F696365


def main() -> int:
    url = os.environ.get("VOICEPIPE_DATABASE_URL")
    if not url:
        print("VOICEPIPE_DATABASE_URL is not set. Set it to the URL of the database.", file=sys.stderr)
        return 2
    try:
        applied = migrate(url)
    except psycopg.OperationalError as error:
        print(f"PostgreSQL does not answer: {str(error).splitlines()[0]}", file=sys.stderr)
        return 1
    print(f"schema is up to date, {applied} migrations applied")
    return 0


def migrate(url: str) -> int:
    """Apply the pending migrations and return their number."""
    with psycopg.connect(url, autocommit=True) as guard:
        guard.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        backend = yoyo.get_backend(urlsplit(url)._replace(scheme="postgresql+psycopg").geturl())
        try:
            backend.break_lock()
            missing = backend.to_apply(yoyo.read_migrations(str(Path(__file__).parent)))
            with backend.lock():
                backend.apply_migrations(missing)
            return len(missing)
        finally:
            backend.connection.close()


if __name__ == "__main__":
    sys.exit(main())
