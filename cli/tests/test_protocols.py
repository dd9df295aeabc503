"""REST and gRPC do the same with the real services, also when connections break."""

import json

import pytest
from cutting_proxy import CuttingProxy
from fake_server import QUICK
from fixtures.meeting import compose
from voicepipe.client import (
    ApiError,
    Client,
    DeadLetterFilter,
    InvalidSettings,
    NoSpeakers,
    Options,
    Pace,
    ServerUnavailable,
    UnknownOutcome,
)

PROTOCOLS = ["rest", "grpc"]
UNKNOWN_ID = "00000000-0000-0000-0000-000000000000"

pytestmark = pytest.mark.servers


class Stopped(Exception):
    """The command is stopped in the middle of an upload."""


@pytest.fixture(scope="module")
def minute(tmp_path_factory):
    """A recording of several blocks."""
    return compose(60.0, ["linda", "robert"], seed=7).save(tmp_path_factory.mktemp("minute") / "minute.wav")


@pytest.fixture
async def proxy(stack):
    async with CuttingProxy(stack.url).serving() as proxy:
        yield proxy


@pytest.fixture
def connect(stack):
    def connect(protocol, url=None, key=None, pace=QUICK, **more):
        return Client(url or stack.url, key or stack.api_key, protocol=protocol, pace=pace, **more)

    return connect


@pytest.fixture
async def both(connect):
    async with connect("rest") as rest, connect("grpc") as grpc:
        yield rest, grpc


async def test_documents_are_the_same_over_both_protocols(both, minute):
    rest, grpc = both
    transcription = await rest.transcribe(minute, Options(language="en", keyterms=("same",)))
    there = await grpc.get(transcription.id)
    # REST leaves out what an option or a description does not have; over gRPC it is null.
    assert without_nulls(there.document) == without_nulls(transcription.document)
    assert there.created_at == transcription.created_at
    listed = {
        protocol: [each.document async for each in client.list()]
        for protocol, client in zip(PROTOCOLS, both, strict=True)
    }
    assert list(map(without_nulls, listed["grpc"])) == list(map(without_nulls, listed["rest"]))
    events = {
        protocol: [event async for event in client.events(transcription.id)]
        for protocol, client in zip(PROTOCOLS, both, strict=True)
    }
    assert events["grpc"] == events["rest"]
    for transcript_format in ("txt", "srt", "vtt", "json"):
        text = await rest.transcript(transcription.id, transcript_format)
        assert await grpc.transcript(transcription.id, transcript_format) == text
    offered = await rest.capabilities(), await grpc.capabilities()
    assert [sorted(each["models"][0]) for each in offered]
    assert offered[0]["limits"] == offered[1]["limits"]
    assert offered[0]["languages"] == offered[1]["languages"]
    assert offered[0]["formats"] == offered[1]["formats"]
    assert set(without_nulls(offered[0]["models"][0])) == set(without_nulls(offered[1]["models"][0]))
    assert await rest.server_version() == await grpc.server_version()


def without_nulls(value):
    match value:
        case dict():
            return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}
        case list():
            return list(map(without_nulls, value))
        case _:
            return value


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_an_upload_over_breaking_connections_continues_where_they_broke(
    connect, stack, minute, tmp_path, protocol
):
    size_bytes = minute.stat().st_size
    # Between its tries, the client gives the server the time to store what has arrived.
    patient = Pace(first_s=1.0, longest_s=1.0)
    async with CuttingProxy(stack.url, block_s=0.005).serving() as proxy:
        proxy.cuts.extend([(size_bytes // 2, None)])
        async with connect(protocol, proxy.url, pace=patient, memory=tmp_path) as client:
            transcription_id = await client.upload(minute, Options(keyterms=(f"cut-{protocol}",)))
            assert (await client.get(transcription_id)).size_bytes == size_bytes
    assert proxy.broken == 1
    # Half of it, and then not all of it.
    assert proxy.sent_bytes < 1.4 * size_bytes
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("first", "second"), [PROTOCOLS, PROTOCOLS[::-1]])
async def test_an_upload_that_one_protocol_began_is_finished_by_the_other(connect, minute, tmp_path, first, second):
    def stop(sent, size):
        if sent > size // 2:
            raise Stopped

    options = Options(keyterms=(f"from-{first}",), diarize=False)
    async with connect(first, memory=tmp_path) as client:
        with pytest.raises(Stopped):
            await client.upload(minute, options, on_bytes=stop)
    (entry,) = tmp_path.iterdir()
    begun = json.loads(entry.read_text())["upload_id"]
    async with connect(second, memory=tmp_path) as client:
        # The recording is new on this stack, so its transcription has the id of its upload.
        assert await client.upload(minute, options) == begun
        assert (await client.get(begun)).size_bytes == minute.stat().st_size


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_events_over_breaking_connections_arrive_once_and_in_order(connect, proxy, minute, protocol):
    async with connect(protocol) as client:
        transcription = await client.transcribe(minute)
        expected = [event async for event in client.events(transcription.id)]
    proxy.cuts.extend([(None, 700), (None, 900)])
    async with connect(protocol, proxy.url) as client:
        assert [event async for event in client.events(transcription.id)] == expected
    assert proxy.broken == 2


async def test_a_transcript_without_speakers_has_no_rttm(both, minute):
    for client in both:
        transcription = await client.transcribe(minute)
        with pytest.raises(NoSpeakers):
            await client.transcript(transcription.id, "rttm")


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_change_whose_answer_is_lost_is_not_repeated(connect, proxy, protocol):
    proxy.cuts.extend([(None, 150)])
    async with connect(protocol, proxy.url) as client:
        with pytest.raises(UnknownOutcome):
            await client.cancel(UNKNOWN_ID)


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_server_that_is_not_there_is_unavailable(connect, protocol, monkeypatch):
    monkeypatch.setattr("voicepipe.tries.REQUEST_RETRY_FOR_S", 0.2)
    async with connect(protocol, "http://127.0.0.1:9") as client:
        with pytest.raises(ServerUnavailable, match="no connection"):
            await client.cancel(UNKNOWN_ID)


@pytest.mark.parametrize(
    ("ask", "refusal"),
    [
        (lambda client, _: client.get(UNKNOWN_ID), (404, "not_found")),
        (lambda client, _: client.get("nothing"), (404, "not_found")),
        (lambda client, _: client.cancel(UNKNOWN_ID), (404, "not_found")),
        (lambda client, _: client.retry(UNKNOWN_ID), (404, "not_found")),
        (lambda client, _: client.delete(UNKNOWN_ID), (404, "not_found")),
        (lambda client, _: client.transcript(UNKNOWN_ID), (404, "not_found")),
        (lambda client, _: client.speakers(UNKNOWN_ID), (404, "not_found")),
        (lambda client, _: client.diarize_again(UNKNOWN_ID), (404, "not_found")),
        (lambda client, _: client.dead_letter(4_000_000), (404, "not_found")),
        (lambda client, _: client.redrive(4_000_000), (404, "not_found")),
        (lambda client, _: client.discard(4_000_000), (404, "not_found")),
        (lambda client, _: first(client.list(state="finished")), (422, "invalid_request")),
        (lambda client, _: first(client.list(created_after="yesterday")), (422, "invalid_request")),
        (lambda client, _: first(client.list(page_size=1000)), (422, "invalid_request")),
        (lambda client, _: first(client.events(UNKNOWN_ID)), (404, "not_found")),
        (lambda client, _: first(client.events(UNKNOWN_ID, "soon")), (400, "bad_event_id")),
        (lambda client, _: first(client.dead_letters(DeadLetterFilter(stage="No stage"))), (422, "invalid_request")),
        (lambda client, file: client.upload(file, Options(task="sing")), (422, "invalid_option")),
        (lambda client, file: client.upload(file, Options(language="xx")), (422, "invalid_option")),
        (lambda client, file: client.upload(file, Options(min_speakers=9, max_speakers=2)), (422, "invalid_option")),
    ],
)
async def test_a_refusal_is_the_same_over_both_protocols(both, minute, ask, refusal):
    for client in both:
        with pytest.raises(ApiError) as raised:
            await ask(client, minute)
        assert (raised.value.status, raised.value.code) == refusal
        assert raised.value.detail


async def first(items):
    try:
        return await anext(items)
    finally:
        await items.aclose()


async def test_a_file_that_is_no_recording_is_refused_alike(both, tmp_path):
    text = tmp_path / "minutes.wav"
    text.write_text("No sound at all. " * 100)
    for client in both:
        with pytest.raises(ApiError) as raised:
            await client.upload(text)
        assert (raised.value.status, raised.value.code) == (415, "not_audio")


def test_grpc_has_no_addresses_with_a_path():
    with pytest.raises(InvalidSettings, match="no addresses with a path"):
        Client("https://example.org/voicepipe", "vp_key", protocol="grpc")
