"""Inspects PostgreSQL and the object store for leftovers of an upload."""

from __future__ import annotations


class Leftovers:
    def __init__(self, database, object_store):
        self._database = database
        self._store = object_store

    async def nothing(self) -> bool:
        rows = await self._database.fetchval(
            """
            SELECT (SELECT count(*) FROM uploads) + (SELECT count(*) FROM recordings)
                + (SELECT count(*) FROM jobs) + (SELECT count(*) FROM outbox)
            """
        )
        return rows == 0 and not self.objects() and not self.multiparts()

    def objects(self) -> list[str]:
        return [item.object_name for item in self._store.client().list_objects(self._store.bucket, recursive=True)]

    def multiparts(self) -> list[str]:
        found = self._store.client()._list_multipart_uploads(self._store.bucket)
        return [item.object_name for item in found.uploads]

    def content(self, key: str) -> bytes:
        with self._store.client().get_object(self._store.bucket, key) as answer:
            return answer.data
