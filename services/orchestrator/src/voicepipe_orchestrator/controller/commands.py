"""Handles control commands that a status of the previous version has written: this version makes the changes itself (`voicepipe_wire.changes`)."""

from __future__ import annotations

from functools import partial

from google.protobuf.message import Message
from voicepipe_wire.changes import commands
from voicepipe_wire.changes.redrive import redrive
from voicepipe_wire.errors import Dependency, Unavailable
from voicepipe_wire.messaging.broker import JetStream
from voicepipe_wire.messaging.envelope import sent_at, unpack
from voicepipe_wire.messaging.outbox import Outbox
from voicepipe_wire.messaging.patience import Handlers
from voicepipe_wire.messaging.subjects import DLQ
from voicepipe_wire.v1.commands_pb2 import DiscardDeadLetter, RedriveDeadLetter


class ControlCommands:
    def __init__(self, outbox: Outbox, jetstream: JetStream) -> None:
        self._outbox = outbox
        self._jetstream = jetstream

    @property
    def handlers(self) -> Handlers:
        """Each handler is safe to repeat."""
        return {
            **dict.fromkeys(commands.OF_JOBS, self._carry_out),
            RedriveDeadLetter: partial(self._settle_entry, redrives=True),
            DiscardDeadLetter: partial(self._settle_entry, redrives=False),
        }

    async def _carry_out(self, command: Message) -> None:
        async with self._outbox.transaction() as transaction:
            await commands.carry_out(transaction, command, sent_at())

    async def _settle_entry(self, command: RedriveDeadLetter | DiscardDeadLetter, *, redrives: bool) -> None:
        entry = await self._jetstream.find(DLQ, command.sequence)
        if entry is None:
            return
        if redrives:
            envelope, dead_command = unpack(entry.headers, entry.data or b"")
            async with self._outbox.transaction() as transaction:
                if not await redrive(transaction, dead_command, envelope.time, at=sent_at()):
                    raise Unavailable(Dependency.JOB, "the job is being assembled")
        await self._jetstream.drop(DLQ, command.sequence)
