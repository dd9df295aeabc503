"""The operator beside a real API server: how many pods it asks for while none is ready, and what wakes a pool."""

from __future__ import annotations

import asyncio
import time
from uuid import uuid4

import pytest
from cluster.operator_process import Backlog, Idlers, Operators, with_jetstream
from support.eventually import eventually
from voicepipe_wire.messaging.broker import DEFAULT_DELIVERY, JetStream
from voicepipe_wire.messaging.envelope import headers_for
from voicepipe_wire.messaging.subjects import Queue
from voicepipe_wire.v1.commands_pb2 import DiarizeRecording

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

READY_AFTER_S = 45
QUEUE = Queue("diarize")


def test_a_cold_start_is_waited_for_instead_of_asking_for_more(
    idlers: Idlers, operators: Operators, backlog: Backlog, record_property
) -> None:
    idlers.create(ready_after_s=READY_AFTER_S, coldStartSeconds=120, upStabilisationSeconds=1)
    operators.start("one")
    eventually(idlers.leader, 30)
    backlog.seconds = 1000.0
    began = time.monotonic()
    eventually(idlers.asked, 30, idlers.status)
    needed = max(idlers.status()["need"].values())
    most = 0
    while time.monotonic() - began < READY_AFTER_S - 5:
        assert idlers.status()["ready"].startswith("0/"), "none is ready yet"
        most = max(most, idlers.asked())
        time.sleep(1)
    record_property("measured", f"{needed} needed at first sight, at most {most} asked for while none was ready")
    assert 0 < most <= needed + 1


def test_a_command_whose_worker_is_gone_wakes_its_pool(
    idlers: Idlers, operators: Operators, backlog: Backlog, nats_url: str, record_property
) -> None:
    """It is in flight, so nothing seems to wait, and no worker is left that could end it."""
    idlers.create(max=1)
    operators.start("one")
    eventually(idlers.leader, 30)
    eventually(lambda: idlers.status().get("reason") == "Asleep", 60, idlers.status)
    asyncio.run(with_jetstream(nats_url, pull_and_die))
    took_s = idlers.until_asked(1, 30)
    record_property("measured", f"woken {took_s:.0f} s after the last worker died")
    assert backlog.seconds == 0.0


async def pull_and_die(jetstream: JetStream) -> None:
    """Publish a command, and pull it as a worker that dies at once."""
    await jetstream.ensure_streams()
    await jetstream.ensure_consumer(QUEUE, "standard", DEFAULT_DELIVERY)
    command = DiarizeRecording(job_id=str(uuid4()), owner_id=str(uuid4()))
    headers = headers_for(command, uuid4(), "test")
    await jetstream.publish(QUEUE.subject("standard"), command.SerializeToString(), headers)
    subject = f"$JS.API.CONSUMER.MSG.NEXT.WORK.{QUEUE.consumer('standard')}"
    await jetstream.client.request(subject, b'{"batch": 1}', timeout=5, old_style=True)
