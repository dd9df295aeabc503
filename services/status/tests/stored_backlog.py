"""The queues as the controller publishes them."""

from __future__ import annotations

import time

from voicepipe_wire.messaging.subjects import BACKLOG_SUBJECT
from voicepipe_wire.v1.scaling_pb2 import BacklogSnapshot, QueueBacklog

from .conftest import Pipeline


async def publish(pipeline: Pipeline, age_s: float) -> None:
    snapshot = BacklogSnapshot(
        at_s=time.time() - age_s,
        queues=[
            QueueBacklog(stage="prepare", priority="standard"),
            QueueBacklog(
                stage="transcribe", pool="accurate", priority="premium", queued_s=120.04, in_flight_s=28, arriving_s=60,
                pending=16, in_flight=4, jobs=2, upstream_jobs=1, oldest_s=33.3,
            ),
        ],
    )  # fmt: skip
    await pipeline.jetstream.publish(BACKLOG_SUBJECT, snapshot.SerializeToString(), {})
