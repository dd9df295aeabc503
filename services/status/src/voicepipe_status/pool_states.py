"""The newest state of each pool, as its autoscaler says after every pass. In memory: what is lost comes again within seconds.

Nothing is known without an autoscaler, while it or NATS is away, and in the first seconds of this process. A state counts from its arrival here,
because clocks differ. nats-py renews the subscription when it reconnects; before the first connection it would lose it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

import structlog
from google.protobuf.message import DecodeError
from nats.aio.msg import Msg
from voicepipe_wire import aio
from voicepipe_wire.errors import Unavailable
from voicepipe_wire.jobs.stages import Stage
from voicepipe_wire.messaging.broker import JetStream
from voicepipe_wire.messaging.subjects import POOL_STATES
from voicepipe_wire.v1.scaling_pb2 import PoolState

log = structlog.get_logger(__name__)

# The autoscaler makes a pass every two seconds.
UNKNOWN_AFTER_S = 30.0
RETRY_DELAY_S = 0.5


class PoolStates:
    def __init__(self, jetstream: JetStream, clock: Callable[[], float] = time.monotonic) -> None:
        self._jetstream = jetstream
        self._clock = clock
        self._newest: dict[tuple[str, str], tuple[float, PoolState]] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Receive states until `stop` is set."""
        while not stop.is_set():
            try:
                await self._jetstream.check()
                await self._jetstream.subscribe(POOL_STATES, self._receive)
            except Unavailable:
                await aio.pause(stop, RETRY_DELAY_S)
            else:
                await stop.wait()

    def of(self, stage: str, pool: str = "") -> PoolState | None:
        """The state of a pool; None if no autoscaler has spoken of it lately."""
        arrived_at, state = self._newest.get((stage, pool), (-UNKNOWN_AFTER_S, None))
        return state if self._clock() - arrived_at <= UNKNOWN_AFTER_S else None

    def waits_s(self, model: str) -> Mapping[str, float | None]:
        """By stage, how long a job with this model waits for a worker at least; None if no worker is expected.

        Stages of which no autoscaler speaks are missing.
        """
        known = {stage: self.of(stage, model if stage is Stage.TRANSCRIBE else "") for stage in Stage}
        return {stage: ready_in_s(state) for stage, state in known.items() if state is not None}

    async def _receive(self, message: Msg) -> None:
        try:
            state = PoolState.FromString(message.data)
        except DecodeError:
            log.warning("not a pool state", subject=message.subject)
            return
        self._newest[state.stage, state.pool] = (self._clock(), state)


def ready_in_s(state: PoolState) -> float | None:
    """When a replica can be ready: 0 if one is; None if none is expected."""
    return state.ready_in_s if state.HasField("ready_in_s") else None
