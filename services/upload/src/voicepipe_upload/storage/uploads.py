"""Table `uploads`: the only record of which parts of an upload are stored.

A writer is one request that sends bytes. Only the newest writer may change a row: each of its statements names it, so a
superseded writer, on this replica or another, changes nothing. An expired row is never changed again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID

from voicepipe_wire.errors import Problem
from voicepipe_wire.storage.database import Connection, Pool
from voicepipe_wire.storage.objects import Part

from voicepipe_upload.options import QUALITY_TIERS, Model

from .tails import Tail, tails_of

NO_ROWS = "UPDATE 0"


class Superseded(Exception):
    """Another writer continues this upload, or it was terminated."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A row. The client need not send `offset_bytes` again; the last `tail_bytes` of them are in `tails`."""

    id: UUID
    owner_id: UUID
    name: str
    media_type: str
    tus_metadata: str
    options: dict[str, Any]
    object_key: str
    multipart_id: str | None
    size_bytes: int | None
    offset_bytes: int
    parts: tuple[Part, ...]
    tails: tuple[Tail, ...]
    tail_bytes: int
    writer: UUID | None
    job_id: UUID | None
    expires_at: datetime
    fresh: bool

    @classmethod
    def of(cls, row: Any) -> Self:
        fields = {name: row[name] for name in cls.__slots__}
        return cls(**{**fields, "parts": tuple(Part(**part) for part in row["parts"]), "tails": tails_of(row)})

    @property
    def has_expired(self) -> bool:
        return self.expires_at <= datetime.now(UTC)

    @property
    def is_complete(self) -> bool:
        return self.size_bytes is not None and self.offset_bytes == self.size_bytes


@dataclass(frozen=True, slots=True)
class NewUpload:
    id: UUID
    owner_id: UUID
    name: str
    media_type: str
    options: dict[str, Any]
    tus_metadata: str = ""
    size_bytes: int | None = None
    writer: UUID | None = None
    # Whether the owner wants a new transcription even of bytes that have one.
    fresh: bool = False

    @property
    def object_key(self) -> str:
        return f"audio/{self.owner_id}/{datetime.now(UTC):%Y-%m-%d}/{self.id}/original"


@dataclass(frozen=True, slots=True)
class Advance:
    """The progress to record: parts that were stored, and the new offset."""

    parts: Sequence[Part]
    offset_bytes: int
    tails: Sequence[Tail] = ()

    @property
    def tail_bytes(self) -> int:
        return sum(tail.size_bytes for tail in self.tails)


class Uploads:
    """The queries. Every method raises `Unavailable` while PostgreSQL is."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with self._pool.acquire() as connection, connection.transaction():
            yield connection

    async def insert(self, new: NewUpload, keep_for_s: float, connection: Connection | None = None) -> Upload:
        """Insert a row, in the transaction of `connection` if there is one."""
        row = await (connection or self._pool).fetchrow(
            """
            INSERT INTO uploads
                (id, owner_id, name, media_type, options, tus_metadata, size_bytes, writer, object_key, fresh, expires_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, now() + make_interval(secs => $11)) RETURNING *
            """,
            new.id,
            new.owner_id,
            new.name,
            new.media_type,
            new.options,
            new.tus_metadata,
            new.size_bytes,
            new.writer,
            new.object_key,
            new.fresh,
            keep_for_s,
        )
        return Upload.of(row)

    async def find(self, upload_id: UUID, owner_id: UUID) -> Upload | None:
        row = await self._pool.fetchrow("SELECT * FROM uploads WHERE id = $1 AND owner_id = $2", upload_id, owner_id)
        return Upload.of(row) if row else None

    async def set_multipart(self, upload: Upload, multipart_id: str) -> None:
        """Save the id of the multipart upload.

        Raises:
            Superseded: `upload.writer` is no longer the newest, or the upload has expired.
        """
        command_tag = await self._pool.execute(
            "UPDATE uploads SET multipart_id = $3 WHERE id = $1 AND writer = $2 AND expires_at > now()",
            upload.id,
            upload.writer,
            multipart_id,
        )
        if command_tag == NO_ROWS:
            raise Superseded

    async def claim(self, upload: Upload, writer: UUID, size_bytes: int | None, keep_for_s: float) -> Upload:
        """Make `writer` the newest, if the offset has not changed. `size_bytes` is saved if the length was unknown.

        Raises:
            Superseded: the offset has changed, or the upload has ended.
        """
        row = await self._pool.fetchrow(
            """
            UPDATE uploads SET writer = $2, size_bytes = coalesce(size_bytes, $4),
                expires_at = now() + make_interval(secs => $5)
            WHERE id = $1 AND offset_bytes = $3 AND expires_at > now() AND job_id IS NULL RETURNING *
            """,
            upload.id,
            writer,
            upload.offset_bytes,
            size_bytes,
            keep_for_s,
        )
        if row is None:
            raise Superseded
        return Upload.of(row)

    async def set_media_type(self, upload: Upload, media_type: str) -> None:
        """Save the type that the first bytes have.

        Raises:
            Superseded: `upload.writer` is no longer the newest, or the upload has ended.
        """
        command_tag = await self._pool.execute(
            "UPDATE uploads SET media_type = $3 WHERE id = $1 AND writer = $2 AND expires_at > now() AND job_id IS NULL",
            upload.id,
            upload.writer,
            media_type,
        )
        if command_tag == NO_ROWS:
            raise Superseded

    async def advance(self, upload: Upload, progress: Advance, keep_for_s: float) -> None:
        """Record progress.

        Raises:
            Superseded: `upload.writer` is no longer the newest, or the upload has ended.
        """
        # A list of parts to which nothing is added is not written again: that of a long recording is large.
        command_tag = await self._pool.execute(
            """
            UPDATE uploads SET parts = CASE WHEN $3 = '[]'::jsonb THEN parts ELSE parts || $3 END, offset_bytes = $4,
                tails = $5, tail_key = $6, tail_bytes = $7, expires_at = now() + make_interval(secs => $8)
            WHERE id = $1 AND writer = $2 AND expires_at > now() AND job_id IS NULL
            """,
            upload.id,
            upload.writer,
            [asdict(part) for part in progress.parts],
            progress.offset_bytes,
            [asdict(tail) for tail in progress.tails],
            progress.tails[-1].key if progress.tails else None,
            progress.tail_bytes,
            keep_for_s,
        )
        if command_tag == NO_ROWS:
            raise Superseded

    async def take_part_number(self, upload: Upload) -> int:
        """The next part number, which no other writer ever gets.

        Raises:
            Superseded: `upload.writer` is no longer the newest, or the upload has ended.
        """
        number: int | None = await self._pool.fetchval(
            """
            UPDATE uploads SET next_part = next_part + 1
            WHERE id = $1 AND writer = $2 AND expires_at > now() AND job_id IS NULL RETURNING next_part - 1
            """,
            upload.id,
            upload.writer,
        )
        if number is None:
            raise Superseded
        return number

    async def begin_hash(self, upload_id: UUID, held_for_s: float) -> tuple[bytes | None, bool]:
        """The hash of the object, if it is known, and otherwise whether the caller may compute it for `held_for_s`.

        Raises:
            Superseded: the upload has expired.
        """
        row = await self._pool.fetchrow(
            """
            WITH held AS (
                UPDATE uploads SET hashing_until = now() + make_interval(secs => $2)
                WHERE id = $1 AND sha256 IS NULL AND (hashing_until IS NULL OR hashing_until <= now()) RETURNING id
            )
            SELECT u.sha256, EXISTS (SELECT FROM held) AS is_ours FROM uploads u WHERE u.id = $1 AND u.expires_at > now()
            """,
            upload_id,
            held_for_s,
        )
        if row is None:
            raise Superseded
        return row["sha256"], row["is_ours"]

    async def renew_hash(self, upload_id: UUID, held_for_s: float) -> None:
        await self._pool.execute(
            "UPDATE uploads SET hashing_until = now() + make_interval(secs => $2) WHERE id = $1", upload_id, held_for_s
        )

    async def end_hash(self, upload_id: UUID, sha256: bytes | None) -> None:
        """Keep the hash; without one, let others compute it."""
        await self._pool.execute(
            "UPDATE uploads SET sha256 = $2, hashing_until = NULL WHERE id = $1", upload_id, sha256
        )

    async def expire(self, upload_id: UUID) -> Upload | None:
        """Expire an upload now, so that it is never written again. None if there is no such row.

        Waits for a transaction that is turning it into a job, so the answer is final.
        """
        row = await self._pool.fetchrow(
            "UPDATE uploads SET expires_at = now(), writer = NULL WHERE id = $1 RETURNING *", upload_id
        )
        return Upload.of(row) if row else None

    async def delete(self, upload_id: UUID) -> None:
        await self._pool.execute("DELETE FROM uploads WHERE id = $1", upload_id)

    async def models(self) -> list[Model]:
        """The pools that accept jobs, as their workers last described them. A pool may have no running worker."""
        rows = await self._pool.fetch("SELECT name, description FROM models WHERE retired_at IS NULL ORDER BY name")
        return [
            Model(
                row["name"],
                row["description"]["tier"],
                frozenset(row["description"]["languages"]),
                frozenset(row["description"]["tasks"]),
            )
            for row in rows
            if row["description"]["tier"] in QUALITY_TIERS  # a row written by another version may remain for a minute
        ]


def upload_not_found() -> Problem:
    return Problem.of("not_found", what="upload")
