"""Stops a stage before its last write: the test holds a lock in PostgreSQL that the write needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

from .eventually import eventually

# Lock the table that a stage writes last. Readers are not blocked.
SAVES_TO = {
    "prepare": "LOCK TABLE chunks IN SHARE ROW EXCLUSIVE MODE",
    "assemble": "LOCK TABLE transcripts IN SHARE ROW EXCLUSIVE MODE",
    "diarize": "LOCK TABLE diarizations IN SHARE ROW EXCLUSIVE MODE",
}


class HeldLock:
    """An open transaction that blocks others."""

    def __init__(self, connection: psycopg.Connection, database_url: str) -> None:
        self._connection = connection
        self._database_url = database_url
        self._pid = connection.info.backend_pid

    def is_blocking(self) -> bool:
        with psycopg.connect(self._database_url, autocommit=True) as other:
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"
            return other.execute(waiting, [self._pid]).fetchone()[0] > 0

    def wait_until_blocking(self) -> None:
        """Return once another transaction waits for this lock, so a stage is about to save."""
        eventually(self.is_blocking, 120)

    def lock_last_chunk(self, name: str) -> str:
        """Wait until the recording of that name has chunks, and lock the last one. Returns the id of its job."""

        def locked() -> str | None:
            row = self._connection.execute(
                """
                SELECT c.job_id FROM chunks c JOIN jobs j ON j.id = c.job_id JOIN recordings r ON r.id = j.recording_id
                WHERE r.name = %s AND c.state = 'waiting'
                    AND c.chunk_index = (SELECT max(chunk_index) FROM chunks WHERE job_id = c.job_id) FOR UPDATE OF c
                """,
                [name],
            ).fetchone()
            if row:
                return str(row[0])
            self._connection.rollback()
            return None

        return eventually(locked, 120, lambda: f"{name} has no waiting chunks", poll_s=0.01)

    def release(self) -> None:
        with suppress(psycopg.OperationalError):  # PostgreSQL may have been killed
            self._connection.rollback()
        self._connection.close()


@contextmanager
def held(database_url: str, lock: str | None = None) -> Iterator[HeldLock]:
    connection = psycopg.connect(database_url)
    holding = HeldLock(connection, database_url)
    try:
        if lock:
            connection.execute(lock)
        yield holding
    finally:
        holding.release()
