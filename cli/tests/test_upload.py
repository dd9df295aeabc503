"""Every byte arrives once, whatever happens to the connection, the command and the server."""

import asyncio
import dataclasses
import hashlib
import os
import subprocess

import grpc
import pytest
from fake_rpc import serving_rpc
from fake_server import QUICK, make_app, serving
from voicepipe.client import ApiError, InvalidFile, InvalidSettings, Options, ServerUnavailable
from voicepipe.rest.tus import encoded

MIB = 1024 * 1024


@pytest.fixture(params=["rest", "grpc"])
def protocol(request):
    return request.param


rest_only = pytest.mark.parametrize("protocol", ["rest"])
grpc_only = pytest.mark.parametrize("protocol", ["grpc"])


class Stopped(Exception):
    """The command is stopped in the middle of an upload."""


def stop_after(bytes_sent):
    def on_bytes(sent, size):
        if sent >= bytes_sent:
            raise Stopped

    return on_bytes


def stop_after_storing(fake, bytes_stored):
    """Stop once the server has so much: over gRPC, what is on its way when a call is cancelled does not arrive."""

    def on_bytes(sent, size):
        if sent >= bytes_stored and any(len(upload.body) >= bytes_stored for upload in fake.uploads.values()):
            raise Stopped

    return on_bytes


async def test_an_upload_becomes_a_transcription_with_its_options(client, fake, recording):
    options = Options(language="en", keyterms=("Ada", "Grace"), diarize=True, max_speakers=3)
    transcription_id = await client.upload(recording, options)
    upload = fake.uploads[transcription_id]
    assert bytes(upload.body) == recording.read_bytes()
    assert upload.metadata == {
        "filename": "meeting.wav",
        "filetype": "audio/x-wav",
        "language": "en",
        "keyterms": "Ada,Grace",
        "diarize": "true",
        "max_speakers": "3",
    }


async def test_a_name_that_is_not_utf8_is_sent_as_text(client, fake, recording):
    """The name of a file on Linux is bytes: here in Latin-1, from an old disk."""
    named = recording.rename(recording.parent / os.fsdecode("päuse.wav".encode("latin-1")))
    upload = fake.uploads[await client.upload(named, Options())]
    assert upload.metadata["filename"] == "päuse.wav"


@rest_only
async def test_the_key_is_not_sent_to_another_host_in_location(client, fake, recording):
    await client.upload(recording)
    assert len(fake.received("PATCH")) == 1


async def test_repeated_disconnects_lose_no_byte(client, fake, recording):
    fake.faults.cut_patch.extend([700_000, 1, 300_000])
    transcription_id = await client.upload(recording)
    assert bytes(fake.uploads[transcription_id].body) == recording.read_bytes()
    offsets = [int(headers["upload-offset"]) for _, _, headers in fake.received("PATCH")]
    assert offsets == [0, 700_000, 700_001, 1_000_001]
    assert len(fake.received("POST")) == 1


async def test_progress_falls_back_to_the_servers_offset(client, fake, recording):
    fake.faults.cut_patch.append(300_000)
    seen = []
    await client.upload(recording, on_bytes=lambda sent, size: seen.append((sent, size)))
    assert (300_000, 2 * MIB) in seen
    assert seen[-1] == (2 * MIB, 2 * MIB)


async def test_a_lost_answer_does_not_create_a_second_transcription(client, fake, recording):
    fake.faults.lose_patch_answer = 1
    transcription_id = await client.upload(recording)
    assert list(fake.jobs) == [transcription_id]
    assert len(fake.received("PATCH")) == 1


def keys_of(fake):
    return [headers["idempotency-key"] for _, path, headers in fake.received("POST") if path == "/v1/uploads"]


async def test_a_begin_that_is_tried_again_has_the_same_key_and_another_upload_has_another(client, fake, recording):
    fake.faults.answers += [["POST", "uploads", 503, 2]]
    await client.upload(recording)
    assert len(keys_of(fake)) == 3
    assert len(set(keys_of(fake))) == 1
    await client.upload(recording, Options(fresh=True))
    assert len(set(keys_of(fake))) == 2


async def test_a_begin_that_is_still_in_flight_at_the_server_is_waited_for(client, fake, recording):
    fake.faults.answers += [["POST", "uploads", 409, 2]]
    transcription_id = await client.upload(recording)
    assert list(fake.jobs) == [transcription_id]


async def test_an_upload_survives_an_outage_of_the_server(client, fake, recording):
    fake.faults.answers += [["POST", "uploads", 503, 2], ["HEAD", "uploads", 500, 2], ["PATCH", "uploads", 502, 3]]
    transcription_id = await client.upload(recording)
    assert bytes(fake.uploads[transcription_id].body) == recording.read_bytes()


async def test_an_offset_conflict_makes_the_client_ask_for_the_offset_again(client, fake, recording):
    fake.faults.conflict = 2
    transcription_id = await client.upload(recording)
    assert bytes(fake.uploads[transcription_id].body) == recording.read_bytes()


async def test_the_next_run_resumes_where_the_last_one_stopped(connect, fake, memory, recording):
    fake.faults.cut_patch.append(900_000)
    async with connect(memory=memory) as client:
        with pytest.raises(Stopped):
            await client.upload(recording, on_bytes=stop_after_storing(fake, 900_000))
    async with connect(memory=memory) as client:
        transcription_id = await client.upload(recording)
    assert len(fake.received("POST")) == 1
    assert int(fake.received("PATCH")[-1][2]["upload-offset"]) >= 900_000
    assert bytes(fake.uploads[transcription_id].body) == recording.read_bytes()


async def test_a_run_with_a_wrong_key_keeps_the_upload_resumable(connect, fake, memory, recording):
    fake.faults.cut_patch.append(900_000)
    async with connect(memory=memory) as client:
        with pytest.raises(Stopped):
            await client.upload(recording, on_bytes=stop_after(MIB))
    async with connect(key="vp_wrong", memory=memory) as client:
        with pytest.raises(ApiError):
            await client.upload(recording)
    async with connect(memory=memory) as client:
        transcription_id = await client.upload(recording)
    assert len(fake.received("POST")) == 1
    assert bytes(fake.uploads[transcription_id].body) == recording.read_bytes()


async def test_a_run_stopped_after_the_last_byte_finds_its_transcription(connect, fake, memory, recording):
    def stop_at_the_end(sent, size):
        if sent == size and fake.jobs:
            raise Stopped

    fake.faults.lose_patch_answer = 1
    async with connect(memory=memory) as client:
        with pytest.raises(Stopped):
            await client.upload(recording, on_bytes=stop_at_the_end)
        assert await client.upload(recording) == next(iter(fake.jobs))
    assert len(fake.received("PATCH")) == 1


@grpc_only
async def test_a_recording_that_one_run_has_read_is_sent_with_its_hash(client, fake, recording):
    fake.faults.cut_patch.extend([700_000, 1])
    await client.upload(recording)
    assert fake.hashes == [hashlib.sha256(recording.read_bytes()).digest()]


@grpc_only
async def test_a_recording_that_two_runs_have_read_has_no_hash(connect, fake, memory, recording):
    fake.faults.cut_patch.append(900_000)
    async with connect(memory=memory) as client:
        with pytest.raises(Stopped):
            await client.upload(recording, on_bytes=stop_after_storing(fake, 900_000))
    async with connect(memory=memory) as client:
        await client.upload(recording)
    assert fake.hashes == [b""]


@pytest.fixture
def certificate(tmp_path):
    """A certificate of localhost, and its key in `key.pem` beside it."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -days 1"
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate]
    subprocess.run([*made.split(), *names], check=True, capture_output=True)
    return certificate


@grpc_only
async def test_a_certificate_is_checked_against_the_authorities_in_ssl_cert_file(
    connect, fake, recording, certificate, monkeypatch
):
    key = certificate.with_name("key.pem")
    credentials = grpc.ssl_server_credentials([(key.read_bytes(), certificate.read_bytes())])
    brief = dataclasses.replace(QUICK, retry_for_s=0.5)
    with serving_rpc(make_app(fake).state, credentials=credentials) as address:
        async with connect(address, pace=brief) as stranger:
            with pytest.raises(ServerUnavailable, match="no connection"):
                await stranger.upload(recording)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        async with connect(address) as client:
            assert await client.upload(recording) in fake.jobs
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_name("nothing.pem")))
        async with connect(address) as client:
            with pytest.raises(InvalidSettings, match="SSL_CERT_FILE"):
                await client.upload(recording)


@pytest.mark.parametrize("change", ["options", "content", "nothing"])
async def test_only_the_same_file_with_the_same_options_is_resumed(client, fake, recording, change):
    with pytest.raises(Stopped):
        await client.upload(recording, on_bytes=stop_after(MIB))
    if change == "content":
        recording.write_bytes(b"other" * 100_000)
    await client.upload(recording, Options(language="en") if change == "options" else None)
    assert len(fake.received("POST")) == (1 if change == "nothing" else 2)


async def test_a_finished_upload_is_not_remembered(client, fake, recording, memory):
    await client.upload(recording)
    assert list(memory.iterdir()) == []


async def test_an_upload_that_the_server_forgot_starts_again(client, fake, recording):
    with pytest.raises(Stopped):
        await client.upload(recording, on_bytes=stop_after(MIB))
    fake.uploads.clear()
    transcription_id = await client.upload(recording)
    assert bytes(fake.uploads[transcription_id].body) == recording.read_bytes()


@rest_only  # over gRPC it is asked only after a stream broke
async def test_a_server_that_forgets_every_upload_ends_in_an_error(client, fake, recording):
    fake.faults.answers.append(["HEAD", "uploads", 404, 100])
    with pytest.raises(ApiError) as raised:
        await client.upload(recording)
    assert raised.value.status == 404
    assert len(fake.received("POST")) == 3


async def test_a_file_that_changes_while_it_is_sent_never_completes(client, fake, recording):
    def change(sent, size):
        if 0 < sent < size:
            os.utime(recording, ns=(1, 1))

    with pytest.raises(InvalidFile, match="changed while it was being sent"):
        await client.upload(recording, on_bytes=change)
    assert fake.jobs == {}


async def test_a_refusal_has_the_servers_code(client, recording):
    with pytest.raises(ApiError, match="language is invalid") as raised:
        await client.upload(recording, Options(language="xx"))
    assert (raised.value.status, raised.value.code) == (422, "invalid_option")


async def test_an_upload_stops_retrying_after_retry_for_s(connect, fake, recording):
    fake.faults.answers.append(["PATCH", "uploads", 503, 10_000])
    brief = dataclasses.replace(QUICK, retry_for_s=0.2)
    async with connect(pace=brief) as client:
        # gRPC may notice that a call has ended before it has read why.
        with pytest.raises(
            ServerUnavailable, match=r"503 A component is unavailable|INTERNAL Internal error from Core"
        ):
            await client.upload(recording)


async def test_an_upload_resumes_after_a_restart_of_the_server(connect, fake, recording, protocol):
    fake.faults.cut_patch.append(500_000)
    waits = []

    def on_wait(wait):
        waits.append(wait)
        waiting.set()

    app, waiting = make_app(fake), asyncio.Event()
    serve, served = (serving_rpc, app.state) if protocol == "grpc" else (serving, app)
    with serve(served) as address:
        port = int(address.rpartition(":")[2])
    async with connect(address, pace=dataclasses.replace(QUICK, on_wait=on_wait)) as client:
        upload = asyncio.create_task(client.upload(recording))
        await waiting.wait()
        with serve(served, port):
            transcription_id = await upload
    assert "no connection" in waits[0].reason
    assert bytes(fake.uploads[transcription_id].body) == recording.read_bytes()


async def test_an_upload_succeeds_without_a_writable_state_folder(connect, recording, tmp_path):
    (tmp_path / "file").write_text("")
    async with connect(memory=tmp_path / "file" / "state") as client:
        assert await client.upload(recording)


@pytest.mark.parametrize(("make", "says"), [("empty", "is empty"), ("folder", "is not a file"), ("none", "no file")])
async def test_an_invalid_file_is_refused_before_anything_is_sent(client, fake, tmp_path, make, says):
    path = tmp_path / "thing"
    if make == "empty":
        path.touch()
    if make == "folder":
        path.mkdir()
    with pytest.raises(InvalidFile, match=says):
        await client.upload(path)
    assert fake.requests == []


def test_metadata_is_encoded_in_ascii():
    assert encoded({"filename": "Gespräch.wav", "language": "de"}) == "filename R2VzcHLDpGNoLndhdg==,language ZGU="
