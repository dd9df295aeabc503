"""Authentication by API key. Only hashes are stored; unknown and revoked keys get the same response."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader, HTTPBearer

from voicepipe_wire.errors import Problem
from voicepipe_wire.storage.database import Pool

KEY_PREFIX = "vp_"
# For OpenAPI only: `Authenticator` reads the headers itself.
Bearer = Annotated[object, Depends(HTTPBearer(auto_error=False, scheme_name="key", description="An API key, `vp_...`"))]
KeyHeader = Annotated[object, Depends(APIKeyHeader(name="X-API-Key", auto_error=False, scheme_name="key-header"))]


@dataclass(frozen=True, slots=True)
class User:
    id: UUID
    name: str
    is_operator: bool


def new_key() -> str:
    """256 random bits with a prefix that secret scanners can recognize."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def key_hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


class Authenticator:
    """A FastAPI dependency: the user of `Authorization: Bearer KEY` or `X-API-Key: KEY`.

    Raises:
        Problem: 401 `key_missing`, 401 `key_unknown`.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def __call__(self, request: Request, _bearer: Bearer = None, _header: KeyHeader = None) -> User:
        return await self.user(request.headers)

    async def user(self, headers: Mapping[str, str]) -> User:
        """The user of these headers, or of the metadata of a call; their names are in lower case."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        key = token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        if not key:
            raise _unauthorized("key_missing")
        user = await find_user(self._pool, key)
        if user is None:
            raise _unauthorized("key_unknown")
        return user


async def find_user(connection: Any, key: str) -> User | None:
    row = await connection.fetchrow(
        """
        SELECT u.id, u.name, u.is_operator FROM api_keys k JOIN users u ON u.id = k.owner_id
        WHERE k.key_sha256 = $1 AND k.revoked_at IS NULL
        """,
        key_hash(key),
    )
    return User(**row) if row else None


def _unauthorized(code: str) -> Problem:
    return Problem.of(code, headers={"WWW-Authenticate": "Bearer"})
