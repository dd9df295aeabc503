"""gRPC streams of status through the real gateway."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub
from support import caddy
from support.caddy import with_key
from voicepipe_api import SERVICES
from voicepipe_api.v1.events_pb2 import TranscriptionEvent
from voicepipe_api.v1.transcriptions_pb2 import GetTranscriptionRequest, WatchTranscriptionRequest
from voicepipe_api.v1.transcriptions_pb2_grpc import TranscriptionsStub
from voicepipe_local.data_dir import free_port
from voicepipe_local.gateway import Backend

from .conftest import Client, Service, StartService

HEARTBEAT_S = 0.5
SILENCE_S = float(os.environ.get("GATEWAY_SILENCE_S", "30"))
MAX_DELAY_S = 1.0


@dataclass(frozen=True, slots=True)
class Front:
    """A running service and its user, and a channel to the gateway in front of it."""

    service: Service
    user: Client
    channel: grpc.aio.Channel

    def watch(self, job_id: object, **request: int) -> grpc.aio.UnaryStreamCall:
        wanted = WatchTranscriptionRequest(id=str(job_id), **request)
        return TranscriptionsStub(self.channel).Watch(wanted, metadata=with_key(self.user.key))


@pytest.fixture
async def front(start: StartService) -> AsyncIterator[Front]:
    port = free_port()
    async with start(grpc_port=port, event_heartbeat_s=HEARTBEAT_S) as service:
        backend = Backend(service.url.removeprefix("http://"), f"127.0.0.1:{port}")
        with caddy.running_before(status=backend) as started:
            async with started.channel() as channel:
                yield Front(service, await service.user("alice"), channel)


@pytest.mark.timeout(SILENCE_S + 120)
async def test_a_watch_survives_silence_and_then_gets_a_live_event_at_once(front: Front, record_property):
    pipeline, owner_id = front.service.pipeline, front.user.owner_id
    job_id = await pipeline.job(owner_id)
    stream = front.watch(job_id)
    past = [(await stream.read()).WhichOneof("event") for _ in range(2)]
    assert past == ["stage_changed", "stage_changed"]
    beats, until = 0, time.monotonic() + SILENCE_S
    while time.monotonic() < until:
        async with asyncio.timeout(10 * HEARTBEAT_S):
            assert (await stream.read()).WhichOneof("event") == "heartbeat"
        beats += 1
    began = time.monotonic()
    await pipeline.transcribe_chunks(owner_id, job_id, 0)
    event = await next_event(stream)
    delay_s = time.monotonic() - began
    await pipeline.end(owner_id, job_id)
    assert (event.WhichOneof("event"), event.chunk_transcribed.text) == ("chunk_transcribed", "word 0")
    assert (await next_event(stream)).WhichOneof("event") == "job_completed"
    assert await stream.read() is grpc.aio.EOF
    assert await stream.code() is grpc.StatusCode.OK
    record_property("measured", f"{beats} heartbeats in {SILENCE_S:.0f} s, then an event after {1000 * delay_s:.0f} ms")
    assert beats >= SILENCE_S / HEARTBEAT_S / 2
    assert delay_s < MAX_DELAY_S


async def next_event(stream: grpc.aio.UnaryStreamCall) -> TranscriptionEvent:
    """The next one that is no heartbeat."""
    async with asyncio.timeout(10):
        while (event := await stream.read()).WhichOneof("event") == "heartbeat":
            pass
    return event


async def test_in_a_stream_of_both_directions_an_answer_arrives_before_the_next_request(front: Front):
    """Reflection is the one method that streams both ways."""
    stream = ServerReflectionStub(front.channel).ServerReflectionInfo()
    for wanted in SERVICES:
        async with asyncio.timeout(5):
            await stream.write(ServerReflectionRequest(list_services=""))
            listed = await stream.read()
            await stream.write(ServerReflectionRequest(file_containing_symbol=wanted))
            described = await stream.read()
        assert wanted in {service.name for service in listed.list_services_response.service}
        assert described.WhichOneof("message_response") == "file_descriptor_response"
    await stream.done_writing()
    assert await stream.read() is grpc.aio.EOF
    assert await stream.code() is grpc.StatusCode.OK


async def test_an_error_that_has_no_message_before_it_arrives_with_its_code(front: Front):
    unknown, metadata = str(uuid4()), with_key(front.user.key)
    with pytest.raises(grpc.aio.AioRpcError) as streamed:
        await front.watch(unknown).read()
    with pytest.raises(grpc.aio.AioRpcError) as single:
        await TranscriptionsStub(front.channel).Get(GetTranscriptionRequest(id=unknown), metadata=metadata)
    assert streamed.value.code() is single.value.code() is grpc.StatusCode.NOT_FOUND


async def test_health_answers_without_a_key(front: Front):
    health = HealthStub(front.channel)
    for service in ("", "voicepipe.api.v1.Transcriptions"):
        answer = await health.Check(HealthCheckRequest(service=service))
        assert answer.status == HealthCheckResponse.SERVING


async def test_a_method_of_a_service_that_nobody_serves_is_unimplemented(front: Front):
    call = front.channel.unary_unary("/voicepipe.api.v1.Transcriptions/Sing")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call(b"", metadata=with_key(front.user.key))
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
