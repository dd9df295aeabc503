"""The operator beside a real API server, while what it needs is away: the API, its watches, the controller, the streams."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from pathlib import Path

import pytest
from cluster.images import ONE_NODE
from cluster.kubernetes import Kubernetes
from cluster.operator_process import FOR_ALL_S, FOR_TWO_S, Backlog, Idlers, Operators, with_jetstream
from cluster.silent_proxy import silent_proxy
from nats.js.api import ConsumerConfig
from support.eventually import eventually
from voicepipe_wire.messaging.broker import JetStream
from voicepipe_wire.messaging.subjects import BACKLOG, WORK, Queue

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]

RIGHT_WITHIN_S = 30
STALE_WITHIN_S = 45  # 30 s, and a status is written once in five
SILENCE_NOTICED_WITHIN_S = 75
# Two minutes (`OPERATOR_API_AWAY_S=30,120`) teach no more than half a minute, and take seven with what the cluster needs afterwards.
API_AWAY_S = [int(seconds) for seconds in os.environ.get("OPERATOR_API_AWAY_S", "30").split(",")]


@pytest.mark.parametrize("away_s", API_AWAY_S)
def test_an_api_that_goes_away_restarts_nothing_and_is_followed_when_it_is_back(
    idlers: Idlers, operators: Operators, backlog: Backlog, away_s: int, record_property
) -> None:
    if not ONE_NODE.exists():
        pytest.skip("only the one-node cluster has an API server that may be stopped")
    idlers.create()
    operators.start("one")
    eventually(idlers.leader, 30)
    subprocess.run([ONE_NODE, "restart", "apiserver", str(away_s)], check=True)
    backlog.seconds = FOR_ALL_S
    took_s = idlers.until_asked(5, RIGHT_WITHIN_S)
    record_property("measured", f"right {took_s:.0f} s after the API was back from {away_s} s")
    assert not operators.has_ended("one")


def test_nothing_is_scaled_while_the_controller_is_stopped(
    idlers: Idlers, operators: Operators, backlog: Backlog, record_property
) -> None:
    two_are_asked_for(idlers, operators, backlog)
    backlog.publishing = False
    stale_s = until_no_metrics(idlers)
    two_for_ten_seconds(idlers)
    backlog.seconds, backlog.publishing = FOR_ALL_S, True
    right_s = idlers.until_asked(4, RIGHT_WITHIN_S)
    eventually(lambda: idlers.condition("MetricsAvailable")["status"] == "True", RIGHT_WITHIN_S)
    record_property("measured", f"noticed after {stale_s:.0f} s, right {right_s:.0f} s after the controller was back")
    assert not operators.has_ended("one")


def test_dead_letters_that_grow_are_a_condition_and_an_event(
    idlers: Idlers, operators: Operators, backlog: Backlog, record_property
) -> None:
    idlers.create()
    backlog.dead_letters = 4
    operators.start("one")
    eventually(lambda: idlers.condition("DeadLettersGrowing")["reason"] == "NotGrowing", 60)
    backlog.dead_letters = 7
    began = time.monotonic()
    eventually(lambda: idlers.condition("DeadLettersGrowing")["status"] == "True", 30)
    record_property("measured", f"said {time.monotonic() - began:.0f} s after three more dead letters")
    assert idlers.condition("DeadLettersGrowing")["message"].startswith("3 more dead letters of diarize")
    assert eventually(lambda: idlers.events("Growing"), 30)


def test_nothing_is_scaled_while_the_consumer_and_the_streams_are_gone(
    idlers: Idlers, operators: Operators, backlog: Backlog, nats_url: str, record_property
) -> None:
    queue = Queue("diarize")

    async def lose_the_consumer(jetstream: JetStream) -> None:
        name, subject = queue.consumer("standard"), queue.subject("standard")
        await jetstream.add_consumer(WORK, ConsumerConfig(durable_name=name, filter_subject=subject))
        await asyncio.sleep(5)  # the operator has asked it
        await jetstream.delete_consumer(WORK, name)

    async def delete(jetstream: JetStream) -> None:
        for stream in (WORK, BACKLOG):
            await jetstream.context.delete_stream(stream)

    two_are_asked_for(idlers, operators, backlog)
    asyncio.run(with_jetstream(nats_url, lose_the_consumer))
    two_for_ten_seconds(idlers)
    backlog.publishing = False
    time.sleep(1)
    backlog.seconds = FOR_ALL_S  # which nobody can say
    asyncio.run(with_jetstream(nats_url, delete))
    backlog.publishing = True
    stale_s = until_no_metrics(idlers)
    two_for_ten_seconds(idlers)
    asyncio.run(with_jetstream(nats_url, JetStream.ensure_streams))
    right_s = idlers.until_asked(4, RIGHT_WITHIN_S)
    record_property("measured", f"noticed after {stale_s:.0f} s, right {right_s:.0f} s after the streams were back")
    assert not operators.has_ended("one")


def test_watches_that_fall_silent_are_noticed(
    cluster: Kubernetes, idlers: Idlers, operators: Operators, backlog: Backlog, tmp_path: Path, record_property
) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    with silent_proxy(Path(cluster.environment["KUBECONFIG"]), kubeconfig) as proxy:
        idlers.create(max=2)
        operators.start("one", KUBECONFIG=str(kubeconfig))
        backlog.seconds = FOR_ALL_S
        idlers.until_asked(2, 40)
        eventually(lambda: idlers.status().get("ready") == "2/2", 60, idlers.status)
        time.sleep(5)  # nothing changes any more
        assert proxy.silence() >= 3, "one for each watch"
        began = time.monotonic()
        idlers.kubectl("patch", "workerpool", "idler", "--type=merge", "-p", json.dumps({"spec": {"max": 4}}))
        followed_s = idlers.until_asked(4, SILENCE_NOTICED_WITHIN_S)
        left_s = SILENCE_NOTICED_WITHIN_S - (time.monotonic() - began)
        eventually(lambda: idlers.status().get("ready") == "4/4", left_s, idlers.status)
        seen_s = time.monotonic() - began
    record_property(
        "measured", f"a change is followed {followed_s:.0f} s, new pods are seen {seen_s:.0f} s after the silence began"
    )
    assert not operators.has_ended("one")


def two_are_asked_for(idlers: Idlers, operators: Operators, backlog: Backlog) -> None:
    idlers.create(max=4)  # twice as many is one step
    operators.start("one")
    backlog.seconds = FOR_TWO_S
    idlers.until_asked(2, 40)
    eventually(lambda: idlers.condition("MetricsAvailable")["status"] == "True", 20)


def until_no_metrics(idlers: Idlers) -> float:
    """Wait until the status says that nothing new is known, while two stay asked for; returns how long that took."""
    began = time.monotonic()

    def noticed() -> bool:
        assert idlers.asked() == 2
        return bool(idlers.condition("MetricsAvailable")["status"] == "False")

    eventually(noticed, STALE_WITHIN_S, idlers.status, 0.5)
    return time.monotonic() - began


def two_for_ten_seconds(idlers: Idlers) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        assert idlers.asked() == 2
        time.sleep(0.5)
