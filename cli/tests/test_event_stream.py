"""Each event arrives once and in order, across lost connections, until the transcription has ended."""

import dataclasses
from contextlib import aclosing

import pytest
from fake_server import FAILURE, QUICK, STORY
from voicepipe.client import ApiError, ServerUnavailable, UnexpectedAnswer
from voicepipe.events import ChunkTranscribed, NoDetail, StageChanged

TYPES = [kind for kind, _ in STORY]


@pytest.fixture(params=["rest", "grpc"])
def protocol(request):
    return request.param


rest_only = pytest.mark.parametrize("protocol", ["rest"])


async def collect(client, job_id, last_event_id=None):
    return [event async for event in client.events(job_id, last_event_id)]


async def test_events_have_their_fields_and_the_final_one_is_last(client, fake):
    events = await collect(client, fake.add_job("a.wav", story=STORY))
    assert [event.type for event in events] == TYPES
    assert events[1].detail == StageChanged("prepare", "queued", 1, "queued")
    assert events[6].detail == ChunkTranscribed(1, 1.0, 2.0, "two", "en", 2.0, 3.0)
    assert events[-1].is_final


@pytest.mark.parametrize("cuts", [[3], [0, 0, 1], [5, 5], [10], [(4,)], [(0,), 2, (0,), 1, (1,)]])
async def test_a_stream_that_is_cut_anywhere_loses_and_repeats_nothing(client, fake, cuts):
    fake.faults.cut_events.extend(cuts)
    events = await collect(client, fake.add_job("a.wav", story=STORY))
    assert [event.type for event in events] == TYPES
    assert [int(event.id) for event in events] == list(range(1, len(STORY) + 1))


async def test_a_stream_resumes_after_the_last_event_id(client, fake):
    events = await collect(client, fake.add_job("a.wav", story=STORY), "9")
    assert [event.id for event in events] == ["10", "11"]


async def test_a_stream_survives_an_outage_of_the_server(client, fake):
    fake.faults.cut_events.append(2)
    job_id = fake.add_job("a.wav", story=STORY)
    fake.faults.answers.append(["GET", "events", 502, 4])
    assert len(await collect(client, job_id)) == len(STORY)


async def test_a_stream_stops_retrying_after_retry_for_s(connect, fake):
    fake.faults.answers.append(["GET", "events", 503, 10_000])
    async with connect(pace=dataclasses.replace(QUICK, retry_for_s=0.2)) as client:
        with pytest.raises(ServerUnavailable):
            await collect(client, fake.add_job("a.wav"))


async def test_a_failed_job_that_was_retried_continues_to_stream(client, fake):
    job_id = fake.add_job("a.wav", "completed", FAILURE)
    fake.jobs[job_id].document["state"] = "transcribing"
    fake.faults.cut_events.append((len(FAILURE),))

    events = []
    async with aclosing(client.events(job_id)) as stream:
        async for event in stream:
            events.append(event)
            if event.type == "job-failed":
                for kind, data in STORY[5:]:
                    fake.emit(job_id, kind, data)
                fake.jobs[job_id].document["state"] = "completed"
    assert [event.type for event in events] == [kind for kind, _ in FAILURE] + TYPES[5:]


async def test_a_stream_ends_if_the_server_no_longer_keeps_the_events(client, fake):
    assert await collect(client, fake.add_job("old.wav", "completed")) == []


async def test_an_unknown_id_fails_without_retries(client, fake):
    with pytest.raises(ApiError) as raised:
        await collect(client, "nothing")
    assert raised.value.code == "not_found"
    assert len(fake.requests) == 1


@rest_only  # a type that the contract does not have cannot be sent over gRPC
async def test_an_unknown_event_type_is_passed_on(client, fake):
    events = await collect(client, fake.add_job("a.wav", story=[("job-praised", {"by": "all"}), STORY[-1]]))
    assert events[0].detail == NoDetail()
    assert events[0].document["by"] == "all"


async def test_missing_fields_have_their_zero_value(client, fake):
    events = await collect(client, fake.add_job("a.wav", story=[("chunk-transcribed", {"text": "hi"}), STORY[-1]]))
    assert events[0].detail == ChunkTranscribed(0, 0.0, 0.0, "hi", "", 0.0, 0.0)


@rest_only
async def test_a_malformed_event_raises_unexpected_answer(client, fake):
    with pytest.raises(UnexpectedAnswer, match="chunk-transcribed"):
        await collect(client, fake.add_job("a.wav", story=[("chunk-transcribed", {"chunk_index": "zero"}), STORY[-1]]))
