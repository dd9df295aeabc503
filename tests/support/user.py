"""A user of a stack, and the data that is stored for this user."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg.sql import SQL, Identifier
from voicepipe_local.objectstore import ObjectStore

from .front_door import FrontDoor


@dataclass(frozen=True, slots=True)
class User:
    """A user with a key, and this user's data in PostgreSQL and the object store."""

    name: str
    door: FrontDoor
    database_url: str
    store: ObjectStore

    @property
    def owner_id(self) -> str:
        with psycopg.connect(self.database_url) as connection:
            return str(connection.execute("SELECT id FROM users WHERE name = %s", [self.name]).fetchone()[0])

    def stored(self) -> list[str]:
        """All rows, objects and multipart uploads of this user."""
        owner_id, tables = self.owner_id, ("uploads", "recordings", "jobs", "stages", "chunks", "transcripts")
        with psycopg.connect(self.database_url) as connection:
            queries = [(table, SQL("SELECT to_json(t) FROM {} t WHERE owner_id = %s")) for table in tables]
            rows = [
                f"{table} {row[0]}"
                for table, query in queries
                for row in connection.execute(query.format(Identifier(table)), [owner_id])
            ]
        client, bucket = self.store.client(), self.store.bucket
        objects = [item.object_name for item in client.list_objects(bucket, recursive=True)]
        unfinished = [item.object_name for item in client._list_multipart_uploads(bucket).uploads]
        return rows + [key for key in objects + unfinished if owner_id in key]
