"""Works off `deletions`: objects, events and commands of deleted jobs. The rows and their rules are in `voicepipe_wire.changes.deletion`."""

from __future__ import annotations

from typing import Final

import structlog
from prometheus_client import Gauge
from voicepipe_wire.changes import deletion
from voicepipe_wire.changes.deletion import Deletion
from voicepipe_wire.messaging.broker import JetStream
from voicepipe_wire.messaging.envelope import MSG_ID
from voicepipe_wire.messaging.subjects import EVENTS, WORK, event
from voicepipe_wire.storage.database import Pool
from voicepipe_wire.storage.objects import ObjectStore
from voicepipe_wire.v1 import events_pb2

log = structlog.get_logger(__name__)

FAILING = Gauge("voicepipe_deletions_failing", "Deleted jobs of which something could not be deleted when last tried")

AT_ONCE: Final = 100


class Deletions:
    def __init__(self, pool: Pool, store: ObjectStore, jetstream: JetStream) -> None:
        self._pool = pool
        self._store = store
        self._jetstream = jetstream

    async def work_off(self) -> None:
        """One pass over what is due. What cannot be deleted is tried again later, and keeps nothing else from being deleted.

        Raises:
            ExceptionGroup: the errors of all deletions that failed.
        """
        errors: list[Exception] = []
        for each in await deletion.due(self._pool, AT_ONCE):
            try:
                await self._delete(each)
            except Exception as error:  # noqa: BLE001 - raised below
                await deletion.failed(self._pool, each)
                log.warning("deletion failed, retrying later", job=str(each.job_id), error=type(error).__name__)
                errors.append(error)
            else:
                await deletion.done(self._pool, each)
        FAILING.set(await deletion.count_failing(self._pool))
        if errors:
            raise ExceptionGroup(f"{len(errors)} jobs could not be deleted completely", errors)

    async def _delete(self, each: Deletion) -> None:
        for prefix in each.prefixes:
            await self._store.delete_under(prefix)
        for name in events_pb2.DESCRIPTOR.message_types_by_name:
            # Clients that follow the job still read its last event, which says only that it is deleted.
            if name != events_pb2.JobDeleted.DESCRIPTOR.name:
                subject = event(each.owner_id, each.job_id, getattr(events_pb2, name)())
                await self._jetstream.purge(EVENTS, subject)
        for message_id, sequence in each.commands.items():
            message = await self._jetstream.find(WORK, sequence)
            if message is not None and (message.headers or {}).get(MSG_ID) == message_id:
                await self._jetstream.drop(WORK, sequence)
