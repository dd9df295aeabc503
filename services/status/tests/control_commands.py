"""The control commands that status writes, and their effect as the controller would bring it about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from google.protobuf.message import Message
from support.eventually import eventually_async
from voicepipe_wire.messaging.envelope import unpack


async def written(pipeline) -> list[Message]:
    return [unpack(row["headers"], row["payload"])[1] for row in await pipeline.commands()]


async def carried_out(pipeline, effect: Callable[[], Awaitable[object]]) -> None:
    """Wait for a command, then do what the controller would do."""
    await eventually_async(pipeline.commands, 10)
    await effect()
