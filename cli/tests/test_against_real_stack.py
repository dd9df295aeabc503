"""What the client expects of a server. The fake and the real services pass the same suite over every protocol, so that tests
against the fake are valid for the real ones. The real services run if the fixture `stack` is available.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from fake_routes import KEY
from fixtures.meeting import compose
from support.eventually import eventually_async
from voicepipe.client import ApiError, Client, DeadLetterFilter, Options, Redriven, SpeakerLimits

UNKNOWN_ID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class Served:
    url: str
    key: str
    protocol: str

    def client(self, key=None, memory=None):
        return Client(self.url, key or self.key, protocol=self.protocol, memory=memory)


class Stopped(Exception):
    """The command is stopped in the middle of an upload."""


FAKE = [pytest.param(("fake", "rest"), id="fake-rest")]
REAL = [pytest.param(("real", name), marks=pytest.mark.servers, id=f"real-{name}") for name in ("rest", "grpc")]
# The fake has uploads and events over gRPC, and nothing else.
FAKE_RPC = [pytest.param(("fake", "grpc"), id="fake-grpc")]
with_fake_rpc = pytest.mark.parametrize("served", [*FAKE, *FAKE_RPC, *REAL], indirect=True)


@pytest.fixture
def protocol(request):
    return request.node.callspec.params["served"][1]


@pytest.fixture(params=[*FAKE, *REAL])
def served(request, protocol):
    if request.param[0] == "fake":
        return Served(request.getfixturevalue("url"), KEY, protocol)
    stack = request.getfixturevalue("stack")
    return Served(stack.url, stack.api_key, protocol)


@pytest.fixture(scope="session")
def spoken(tmp_path_factory):
    """A recording of 8 s that the fixture model can transcribe."""
    return compose(8.0, ["linda"], seed=3).save(tmp_path_factory.mktemp("spoken") / "spoken words.wav")


@pytest.fixture
async def client(served, tmp_path):
    async with served.client(memory=tmp_path / "state") as client:
        yield client


async def exists(client, transcription_id):
    try:
        await client.get(transcription_id)
    except ApiError as error:
        if error.code != "not_found":
            raise
        return False
    return True


async def test_a_recording_becomes_a_transcript_in_every_format(client, spoken):
    events = []
    transcription = await client.transcribe(spoken, on_event=events.append)
    assert transcription.state == "completed"
    assert transcription.name == "spoken words.wav"
    assert transcription.size_bytes == spoken.stat().st_size

    assert events[0].type == "job-created"
    assert [event.type for event in events if event.is_final] == ["job-completed"]
    numbers = [int(event.id) for event in events]
    assert numbers == sorted(set(numbers))
    chunks = sorted(event.detail.chunk_index for event in events if event.type == "chunk-transcribed")
    assert chunks == list(range(len(chunks)))
    assert chunks

    document = json.loads(await client.transcript(transcription.id, "json"))
    assert document["text"]
    assert document["segments"]
    assert (await client.transcript(transcription.id, "txt")).split() == document["text"].split()
    assert (await client.transcript(transcription.id, "srt")).startswith("1\n00:00:0")
    assert (await client.transcript(transcription.id, "vtt")).startswith("WEBVTT\n")


@with_fake_rpc
async def test_events_can_be_read_again_after_any_of_them(client, spoken):
    transcription_id = await client.upload(spoken)
    events = [event async for event in client.events(transcription_id)]
    middle = len(events) // 2
    assert [event async for event in client.events(transcription_id, events[middle].id)] == events[middle + 1 :]
    assert [event async for event in client.events(transcription_id, events[-1].id)] == []


@with_fake_rpc
async def test_an_interrupted_upload_is_resumed(client, spoken, tmp_path):
    def stop(sent, size):
        if sent > 0:
            raise Stopped

    options = Options(keyterms=("stopped",), fresh=True)
    with pytest.raises(Stopped):
        await client.upload(spoken, options, on_bytes=stop)
    (entry,) = (tmp_path / "state").iterdir()
    begun = json.loads(entry.read_text())["upload_id"]
    transcription_id = await client.upload(spoken, options)
    assert transcription_id == begun
    assert (await client.get(transcription_id)).size_bytes == spoken.stat().st_size


@with_fake_rpc
async def test_the_same_recording_with_the_same_options_is_not_transcribed_twice(client, spoken):
    options = Options(keyterms=("once",))
    first = await client.transcribe(spoken, options)
    assert await client.upload(spoken, options) == first.id


async def test_pages_hold_every_transcription_once_and_the_newest_first(client, spoken):
    ids = [await client.upload(spoken, Options(keyterms=(f"page{number}",))) for number in range(3)]
    listed = [transcription.id async for transcription in client.list(page_size=1)]
    assert [each for each in listed if each in ids] == ids[::-1]
    assert len(listed) == len(set(listed))
    for each in ids:
        async for _ in client.events(each):
            pass


async def test_a_deleted_transcription_is_gone(client, spoken):
    transcription = await client.transcribe(spoken, Options(keyterms=("delete",)))
    await client.delete(transcription.id)

    async def is_gone():
        return not await exists(client, transcription.id)

    await eventually_async(is_gone, 30)


@with_fake_rpc
async def test_refusals_have_stable_codes(client, served, spoken):
    with pytest.raises(ApiError) as unknown:
        await client.get(UNKNOWN_ID)
    assert (unknown.value.status, unknown.value.code) == (404, "not_found")
    with pytest.raises(ApiError) as wrong:
        await client.upload(spoken, Options(language="xx"))
    assert (wrong.value.status, wrong.value.code) == (422, "invalid_option")
    async with served.client("vp_wrong") as stranger:
        with pytest.raises(ApiError) as refused:
            await stranger.get(UNKNOWN_ID)
    assert (refused.value.status, refused.value.code) == (401, "key_unknown")


async def test_refusals_about_speakers_have_stable_codes(client, spoken):
    for question in (client.rename_speaker(UNKNOWN_ID, "speaker_1", "Ada"), client.diarize_again(UNKNOWN_ID)):
        with pytest.raises(ApiError) as unknown:
            await question
        assert (unknown.value.status, unknown.value.code) == (404, "not_found")
    transcription = await client.transcribe(spoken, Options(keyterms=("nobody",)))
    assert await client.speakers(transcription.id) == ()
    with pytest.raises(ApiError) as refused:
        await client.rename_speaker(transcription.id, "speaker_1", "Ada")
    assert (refused.value.status, refused.value.code) == (409, "no_speakers")


async def test_a_finished_transcription_is_diarized_or_no_diarizer_is_reported(client, spoken):
    transcription = await client.transcribe(spoken, Options(keyterms=("afterwards",)))
    if not (await client.capabilities())["speakers"]["available"]:
        with pytest.raises(ApiError) as refused:
            await client.diarize_again(transcription.id)
        assert (refused.value.status, refused.value.code) == (501, "no_diarizer")
        return
    last_event_id = await client.last_event_id(transcription.id)
    await client.diarize_again(transcription.id, SpeakerLimits(1, 1))
    after = await client.wait_for_version(transcription.id, 2, last_event_id)
    assert (after.state, after.transcript_version) == ("completed", 2)
    (speaker,) = await client.speakers(transcription.id)
    renamed = await client.rename_speaker(transcription.id, speaker.id, "Linda")
    assert renamed is None or (renamed.id, renamed.name) == (speaker.id, "Linda")


async def test_capabilities_and_version_are_available(client):
    offered = await client.capabilities()
    assert offered["models"]
    assert {"txt", "srt", "vtt", "json"} <= set(offered["formats"])
    assert (await client.server_version())["version"]


async def test_operators_can_list_dead_letters(client):
    # Other tests on the same stack may have left some.
    numbers = [entry.sequence async for entry in client.dead_letters()]
    assert numbers == sorted(set(numbers))
    nobody = DeadLetterFilter(code="internal_error", stage="prepare", owner=UNKNOWN_ID, since=datetime.now(UTC))
    assert [entry async for entry in client.dead_letters(nobody)] == []
    assert await client.redrive_all(nobody) == Redriven(0, 0)
    actions = [action async for action in client.operator_actions(page_size=1)]
    assert {action.action for action in actions} <= {"redrive", "discard"}


async def test_operators_can_see_the_queues_and_that_no_job_is_stuck(client):
    queues = await client.queues()
    assert queues.state in {"current", "old", "missing"}
    assert (queues.age_s is None) == (queues.state == "missing")
    assert [job async for job in client.stuck_jobs(older_than_s=86_400)] == []
