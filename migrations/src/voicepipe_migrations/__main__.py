"""Bring the database to the newest schema: `python -m voicepipe_migrations`.

Safe twice, and safe when several replicas start at once: an advisory lock lets one of them work while the others wait.
yoyo keeps a lock of its own in a table, which a killed process would leave behind; under ours it is known to be stale.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import yoyo

# Any number that no other user of the database takes for a lock.
LOCK = 0x766F696365


def main() -> int:
    url = os.environ.get("VOICEPIPE_DATABASE_URL")
    if not url:
        print("VOICEPIPE_DATABASE_URL is not set: say which database to bring up to date.", file=sys.stderr)
        return 2
    try:
        applied = migrate(url)
    except psycopg.OperationalError as error:
        print(f"PostgreSQL does not answer: {str(error).splitlines()[0]}", file=sys.stderr)
        return 1
    print(f"schema is up to date, {applied} migrations applied")
    return 0


def migrate(url: str) -> int:
    """Apply what is missing and say how many that were."""
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
