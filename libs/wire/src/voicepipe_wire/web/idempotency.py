"""Keys that make it safe to repeat a request that creates something (draft-ietf-httpapi-idempotency-key-header).

The owner of a request names it with a key. The first request with a key is carried out; a repetition is answered with the stored
answer. The repository of `idempotency_keys`.

Invariants:

- At most one request holds a key. `acquire` is one statement; a key is taken over only if its holder has not renewed it for
  `HELD_FOR_S`, so a process that was killed blocks a key for that long at most.
- The answer is stored by the transaction that creates what it names (`Hold.complete`), and only by the holder. So a request that
  lost its key creates nothing, and there is no moment at which a crash leaves the one without the other.
- A request that failed leaves no key: nothing was created, and a repetition may succeed.
- Two requests are the same if their fingerprints are. `head` covers what is known before the body, so most mistakes are answered
  before it is read; the fingerprint of the whole request is compared once the body has been read.

Races:

- The holder releases its key between the two statements of `acquire`: it is tried again.
- PostgreSQL is away for longer than `HELD_FOR_S` and another request takes the key over: `complete` of the first one raises.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final
from uuid import UUID, uuid4

import structlog

from voicepipe_wire import aio
from voicepipe_wire.errors import Problem
from voicepipe_wire.storage.database import Connection, Pool, affected

log = structlog.get_logger(__name__)

HEADER: Final = "idempotency-key"
REPLAYED: Final = {"Idempotency-Replayed": "true"}
MAX_KEY_CHARS: Final = 255
KEEP_S: Final = 86_400.0
HELD_FOR_S: Final = 30.0
RENEW_EVERY_S: Final = 8.0
IN_FLIGHT_RETRY_AFTER_S: Final = 5
_TRIES: Final = 5
_KEY: Final = re.compile(rf"[!-~]{{1,{MAX_KEY_CHARS}}}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered with. `body` is its JSON."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any] | None = None


def key_of(value: str | None) -> str | None:
    """The key in a header, with or without the quotes of the draft; None if there is none.

    Raises:
        Problem: 400 `idempotency_key_invalid`.
    """
    if not value:
        return None
    key = value.strip()
    if len(key) > 1 and key.startswith('"') and key.endswith('"'):
        key = key[1:-1]
    if not _KEY.fullmatch(key):
        raise Problem.of("idempotency_key_invalid", max_chars=MAX_KEY_CHARS)
    return key


def fingerprint(*parts: Any) -> bytes:
    """The same for the same JSON values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).digest()


class Hold:
    """The key of one request. `answer` is set if the request is a repetition. Without a key nothing is stored."""

    def __init__(self, owner_id: UUID, key: str | None, keep_for_s: float) -> None:
        self.owner_id = owner_id
        self.key = key
        self.holder = uuid4()
        self.answer: Answer | None = None
        self.request_sha256: bytes | None = None
        self._keep_for_s = keep_for_s

    def replay(self, request_sha256: bytes) -> Answer:
        """The stored answer, for a repetition whose body is known by now.

        Raises:
            Problem: 422 `idempotency_key_reused`: it is another request.
        """
        assert self.answer is not None  # noqa: S101 - the caller has seen it
        if request_sha256 != self.request_sha256:
            raise Problem.of("idempotency_key_reused")
        return Answer(self.answer.status, self.answer.headers | REPLAYED, self.answer.body)

    async def complete(
        self, connection: Connection, request_sha256: bytes, answer: Answer, job_id: UUID | None = None
    ) -> None:
        """Store the answer, in the transaction that creates what it names.

        Raises:
            Problem: 409 `idempotency_in_flight`: another request has the key by now.
        """
        if self.key is None:
            return
        changed = await connection.execute(
            """
            UPDATE idempotency_keys SET request_sha256 = $4, answer = $5, job_id = $6, held_until = now(),
                expires_at = now() + make_interval(secs => $7)
            WHERE owner_id = $1 AND key = $2 AND holder = $3 AND answer IS NULL
            """,
            self.owner_id,
            self.key,
            self.holder,
            request_sha256,
            asdict(answer),
            job_id,
            self._keep_for_s,
        )
        if not affected(changed):
            raise in_flight()


class IdempotencyKeys:
    """`keep_for_s` is how long an answer is kept."""

    def __init__(self, pool: Pool, *, keep_for_s: float = KEEP_S) -> None:
        self._pool = pool
        self._keep_for_s = keep_for_s

    @asynccontextmanager
    async def held(self, owner_id: UUID, key: str | None, head: bytes) -> AsyncIterator[Hold]:
        """Hold the key during the block, which completes it or fails. `head` is the fingerprint of what is known by now.

        Raises:
            Problem: 409 `idempotency_in_flight`, 422 `idempotency_key_reused`.
        """
        hold = Hold(owner_id, key, self._keep_for_s)
        if key is None:
            yield hold
            return
        await self._acquire(hold, head)
        if hold.answer is not None:
            yield hold
            return
        try:
            async with aio.background(self._renew(hold)):
                yield hold
        finally:
            await aio.finish(self._release(hold))

    async def _acquire(self, hold: Hold, head: bytes) -> None:
        for _ in range(_TRIES):
            if await self._take(hold, head):
                return
            row = await self._pool.fetchrow(
                "SELECT head_sha256, request_sha256, answer FROM idempotency_keys WHERE owner_id = $1 AND key = $2",
                hold.owner_id,
                hold.key,
            )
            if row is None:
                continue
            if row["head_sha256"] != head:
                raise Problem.of("idempotency_key_reused")
            if row["answer"] is not None:
                hold.answer, hold.request_sha256 = Answer(**row["answer"]), row["request_sha256"]
                return
            break
        raise in_flight()

    async def _take(self, hold: Hold, head: bytes) -> bool:
        """Take a key that is new, has expired, or was left by a request that died."""
        taken = await self._pool.execute(
            """
            INSERT INTO idempotency_keys AS known (owner_id, key, head_sha256, holder, held_until, expires_at)
            VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5), now() + make_interval(secs => $6))
            ON CONFLICT (owner_id, key) DO UPDATE SET head_sha256 = excluded.head_sha256, request_sha256 = NULL,
                holder = excluded.holder, held_until = excluded.held_until, answer = NULL, job_id = NULL,
                expires_at = excluded.expires_at
            WHERE known.held_until <= now() AND (known.answer IS NULL OR known.expires_at <= now())
            """,
            hold.owner_id,
            hold.key,
            head,
            hold.holder,
            HELD_FOR_S,
            self._keep_for_s,
        )
        return affected(taken) > 0

    async def _renew(self, hold: Hold) -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            try:
                await self._pool.execute(
                    """
                    UPDATE idempotency_keys SET held_until = now() + make_interval(secs => $4)
                    WHERE owner_id = $1 AND key = $2 AND holder = $3 AND answer IS NULL
                    """,
                    hold.owner_id,
                    hold.key,
                    hold.holder,
                    HELD_FOR_S,
                )
            except Exception as error:  # noqa: BLE001 - `complete` decides whether the key is still held
                log.warning("idempotency key not renewed", error=type(error).__name__)

    async def _release(self, hold: Hold) -> None:
        """Give up a key without an answer. One that cannot be deleted now is free after `HELD_FOR_S`."""
        try:
            await self._pool.execute(
                "DELETE FROM idempotency_keys WHERE owner_id = $1 AND key = $2 AND holder = $3 AND answer IS NULL",
                hold.owner_id,
                hold.key,
                hold.holder,
            )
        except Exception as error:  # noqa: BLE001 - must not hide the error of the request
            log.warning("idempotency key not released", error=type(error).__name__)


async def delete_expired(connection: Connection) -> None:
    """Delete the answers that have been kept long enough, and keys that dead requests left."""
    await connection.execute("DELETE FROM idempotency_keys WHERE expires_at < now() AND held_until < now()")


def in_flight() -> Problem:
    return Problem.of("idempotency_in_flight", retry_after_s=IN_FLIGHT_RETRY_AFTER_S)
