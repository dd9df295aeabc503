"""Create an API key: `python -m voicepipe_wire.web.keys create --user NAME --name PURPOSE`.

The key is printed once; only its hash is stored. The user is created if it does not exist.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

import asyncpg

from .auth import key_hash, new_key


async def create(database_url: str, user: str, name: str, *, operator: bool) -> str:
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
            key = new_key()
            await connection.execute(
                "INSERT INTO api_keys (owner_id, name, key_sha256) VALUES ($1, $2, $3)", owner_id, name, key_hash(key)
            )
            return key
    finally:
        await connection.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m voicepipe_wire.web.keys")
    command = parser.add_subparsers(required=True).add_parser("create", help="create a key and print it once")
    command.add_argument("--user", required=True)
    command.add_argument("--name", required=True, help="what the key is for")
    command.add_argument("--operator", action="store_true", help="the user may see and redrive dead letters")
    arguments = parser.parse_args()
    url = os.environ.get("VOICEPIPE_DATABASE_URL")
    if not url:
        print("VOICEPIPE_DATABASE_URL is not set. Set it to the URL of the database.", file=sys.stderr)
        return 2
    print(asyncio.run(create(url, arguments.user, arguments.name, operator=arguments.operator)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
