"""Work that is held in its middle: a lock in PostgreSQL that the work needs for its last step."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from e2e.front_door import until

# What a stage writes last; readers are not held.
SAVES_TO = {
    "prepare": "LOCK TABLE chunks IN SHARE ROW EXCLUSIVE MODE",
    "assemble": "LOCK TABLE transcripts IN SHARE ROW EXCLUSIVE MODE",
    "diarize": "LOCK TABLE diarizations IN SHARE ROW EXCLUSIVE MODE",
}


class Held:
    """An open transaction that others run into."""

    def __init__(self, connection: psycopg.Connection, database_url: str) -> None:
        self._connection = connection
        self._database_url = database_url
        self._pid = connection.info.backend_pid

    def is_in_the_way(self) -> bool:
        with psycopg.connect(self._database_url, autocommit=True) as other:
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"
            return other.execute(waiting, [self._pid]).fetchone()[0] > 0

    def until_in_the_way(self) -> None:
        """Return when somebody waits for this lock: the work is in its middle."""
        until(self.is_in_the_way, 120)

    def lock_last_chunk(self, name: str) -> str:
        """Wait until the recording of that name has chunks, and lock the last of them; the id of its job."""
        deadline_s = time.monotonic() + 120
        while time.monotonic() < deadline_s:
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
            time.sleep(0.01)
        raise TimeoutError(f"{name} has no chunks that wait")

    def release(self) -> None:
        with suppress(psycopg.OperationalError):  # PostgreSQL may be what was killed
            self._connection.rollback()
        self._connection.close()


@contextmanager
def held(database_url: str, lock: str | None = None) -> Iterator[Held]:
    connection = psycopg.connect(database_url)
    holding = Held(connection, database_url)
    try:
        if lock:
            connection.execute(lock)
        yield holding
    finally:
        holding.release()
