"""The same recording over REST and gRPC: the same answer, or the same error."""

from __future__ import annotations

import grpc
import pytest
from rpc_client import Request, failure, new, trailer, whole
from tus_client import BYTES, checksum, create, head, patch
from voicepipe_wire.error_catalogue import ERRORS
from voicepipe_wire.rpc.convert import values_of

OPTIONS = [
    {},
    {"language": "DE"},
    {"model": "auto", "task": "translate", "priority": "premium"},
    {"keyterms": "Ada, Grace  Hopper,Ada"},
    {"diarize": "true", "min_speakers": "2", "max_speakers": "4"},
    {"diarize": "false"},
    {"channels": "separate", "track": "2"},
    {"channels": "mix", "diarize": "true"},
]
BAD_OPTIONS = [
    {"language": "klingon"},
    {"language": "German"},
    {"model": "huge"},
    {"model": "fast"},
    {"keyterms": "x" * 1001},
    {"diarize": "true", "max_speakers": "51"},
    {"min_speakers": "2"},
    {"diarize": "true", "min_speakers": "3", "max_speakers": "2"},
    {"channels": "separate", "diarize": "true"},
    {"track": "0"},
    {"track": "65"},
]
ENUMS = {
    "task": {"transcribe": 1, "translate": 2},
    "priority": {"standard": 1, "premium": 2},
    "channels": {"auto": 1, "mix": 2, "separate": 3},
}


def as_fields(options):
    """The options of REST, all of them texts, as those of gRPC."""
    readers = {"diarize": lambda text: text == "true", **dict.fromkeys(("min_speakers", "max_speakers", "track"), int)}
    readers |= {"keyterms": lambda text: [text], **{name: values.__getitem__ for name, values in ENUMS.items()}}
    return {name: readers.get(name, str)(text) for name, text in options.items()}


@pytest.mark.parametrize("options", OPTIONS, ids=str)
async def test_both_protocols_answer_alike(make_client, make_rpc_client, recording, options):
    http, rpc, data = await make_client(), await make_rpc_client(), recording(1000)
    answer = await http.post("/v1/transcriptions", params={"name": "talk.wav", **options}, content=data)
    assert answer.status_code == 202
    message = (await rpc.create(whole(data, options=as_fields(options)))).transcription
    found, expected = values_of(message), answer.json()
    for document in (found, expected):
        del document["id"], document["created_at"], document["links"]
    # What is not set in a message is null, empty or false in JSON.
    expected["options"] = {name: value for name, value in expected["options"].items() if value not in (None, [], False)}
    assert found == expected


@pytest.mark.parametrize("options", BAD_OPTIONS, ids=lambda options: str(options)[:40])
async def test_both_protocols_refuse_the_same_options_alike(make_client, make_rpc_client, recording, options):
    http, rpc, data = await make_client(), await make_rpc_client(), recording(1000)
    answer = await http.post("/v1/transcriptions", params=options, content=data)
    same(answer, await failure(rpc.create(whole(data, options=as_fields(options)))))


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", "empty_body"), (b"word " * 500, "not_audio"), (b"PK\x03\x04" + bytes(5000), "not_audio"), (b"R" * 6001, "too_large")],
    ids=["empty", "text", "zip", "large"],
)  # fmt: skip
async def test_both_protocols_refuse_the_same_bytes_alike(make_client, make_rpc_client, data, code):
    limit = {"max_upload_bytes": 6000}
    http, rpc = await make_client(**limit), await make_rpc_client(**limit)
    answer = await http.post("/v1/transcriptions", content=data)
    error = await failure(rpc.create(whole(data)))
    assert error.reason == code
    same(answer, error)


async def test_both_protocols_refuse_a_wrong_media_type_and_a_wrong_hash_alike(make_client, make_rpc_client, recording):
    http, rpc, data = await make_client(), await make_rpc_client(), recording(1000)
    unseen = b"\x01\x02" * 5000
    answer = await http.post("/v1/transcriptions", content=unseen, headers={"Content-Type": "text/html"})
    same(answer, await failure(rpc.create(whole(unseen, media_type="text/html"))))
    headers = BYTES | {"Upload-Length": str(len(data))} | checksum(b"other", "sha256")
    answer = await http.post("/v1/uploads", content=data, headers=headers)
    same(answer, await failure(rpc.create([new(), Request(chunk=data), trailer(b"other")])))


async def test_both_protocols_tell_the_same_of_an_upload(make_client, make_rpc_client, recording):
    http, rpc, data = await make_client(), await make_rpc_client(), recording(1000)
    url = await create(http, len(data))
    await patch(http, url, 0, data[:400])
    upload_id = url.rpartition("/")[2]
    shown, found = (await head(http, url)).headers, await rpc.get(upload_id)
    assert (found.offset_bytes, found.size_bytes) == (int(shown["upload-offset"]), int(shown["upload-length"]))
    assert f"{found.expires_at.ToDatetime():%a, %d %b %Y %H:%M:%S} GMT" == shown["upload-expires"]
    assert not found.HasField("transcription_id")
    await patch(http, url, 400, data[400:])
    assert (await rpc.get(upload_id)).transcription_id == (await head(http, url)).headers["transcription-id"]


def same(answer, error):
    problem = answer.json()
    assert (error.reason, error.detail) == (problem["code"], problem["detail"])
    entry = ERRORS[error.reason]
    assert (grpc.StatusCode[error.code].name, answer.status_code) == (entry.grpc, entry.status)
    assert (error.retry_after_s is not None) == ("retry-after" in answer.headers)
