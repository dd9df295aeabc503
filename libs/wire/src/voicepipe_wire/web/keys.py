"""Create an API key: `python -m voicepipe_wire.web.keys create --user NAME --name PURPOSE`.

The key is printed once; only its hash is stored. The user is created if it does not exist.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

import asyncpg
from pydantic import ValidationError

from voicepipe_wire.settings import DatabaseSettings, invalid

from .auth import KEY_PREFIX, key_hash, new_key

SHORTEST_KEY = 24


async def create(database_url: str, user: str, name: str, *, operator: bool) -> str:
    """A new key of a user."""
    key = new_key()
    await store(database_url, user, name, key, operator=operator)
    return key


async def store(database_url: str, user: str, name: str, key: str, *, operator: bool) -> None:
    """Store the hash of a key for a user. A key that is stored already stays as it is, revoked or not."""
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            owner_id = await connection.fetchval(
                """
                INSERT INTO users (name, is_operator) VALUES ($1, $2)
                ON CONFLICT (name) DO UPDATE SET is_operator = users.is_operator OR excluded.is_operator RETURNING id
                """,
                user,
                operator,
            )
            await connection.execute(
                """
                INSERT INTO api_keys (owner_id, name, key_sha256) VALUES ($1, $2, $3)
                ON CONFLICT (key_sha256) DO NOTHING
                """,
                owner_id,
                name,
                key_hash(key),
            )
    finally:
        await connection.close()


def check_form(key: str) -> None:
    """Check a key that was not made by `new_key`.

    Raises:
        ValueError: it is too short to be safe, or has another form.
    """
    if not key.startswith(KEY_PREFIX) or len(key) < SHORTEST_KEY or len(key.split()) != 1:
        raise ValueError(f"An API key starts with {KEY_PREFIX} and has at least {SHORTEST_KEY} characters.")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m voicepipe_wire.web.keys")
    command = parser.add_subparsers(required=True).add_parser("create", help="create a key and print it once")
    command.add_argument("--user", required=True)
    command.add_argument("--name", required=True, help="what the key is for")
    command.add_argument("--operator", action="store_true", help="the user may see and redrive dead letters")
    arguments = parser.parse_args()
    try:
        url = DatabaseSettings().database_url.get_secret_value()
    except ValidationError as error:
        print(invalid(parser.prog, error), file=sys.stderr)
        return 2
    print(asyncio.run(create(url, arguments.user, arguments.name, operator=arguments.operator)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
