"""A gRPC client of upload for the tests, and what must be true of a finished upload."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import grpc
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from voicepipe_api.v1 import uploads_pb2 as api
from voicepipe_api.v1.transcription_pb2 import TranscriptionOptions

MIB = 1024 * 1024
CHUNK_BYTES = 256 * 1024
SERVICE = "/voicepipe.api.v1.Uploads"
Request = api.CreateTranscriptionRequest


def header(**fields):
    return Request(header=api.CreateHeader(**fields))


def new(name="talk.wav", options=None, **fields):
    """The header of a new upload; `options` are those of TranscriptionOptions."""
    return header(name=name, options=TranscriptionOptions(**(options or {})), **fields)


def chunks(data):
    return [Request(chunk=data[start : start + CHUNK_BYTES]) for start in range(0, len(data), CHUNK_BYTES)]


def trailer(data=None):
    """The end; with `data`, its hash."""
    return Request(trailer=api.CreateTrailer(sha256=b"" if data is None else hashlib.sha256(data).digest()))


def whole(data, *, check=True, **fields):
    return [new(**fields), *chunks(data), trailer(data if check else None)]


@dataclass(frozen=True)
class Failure:
    """The error of a call; `reason` is the code of the catalogue, `members` are those of the problem."""

    code: str
    reason: str
    detail: str
    retry_after_s: int | None
    members: dict[str, str]


class Client:
    def __init__(self, channel: grpc.aio.Channel, key: str) -> None:
        self.channel = channel
        self.metadata = (("authorization", f"Bearer {key}"),)

    def start(self, parts, timeout_s=60, **more):
        """Begin a Create. `parts` are requests, or an asynchronous iterator of them."""
        made = self.channel.stream_unary(
            f"{SERVICE}/Create", Request.SerializeToString, api.CreateTranscriptionResponse.FromString
        )
        return made(_sent(parts), metadata=self.metadata, timeout=timeout_s, **more)

    async def create(self, parts, **more):
        return await self.start(parts, **more)

    async def get(self, upload_id):
        made = self.channel.unary_unary(f"{SERVICE}/Get", api.GetUploadRequest.SerializeToString, api.Upload.FromString)
        return await made(api.GetUploadRequest(upload_id=upload_id), metadata=self.metadata, timeout=30)

    async def delete(self, upload_id):
        made = self.channel.unary_unary(
            f"{SERVICE}/Delete", api.DeleteUploadRequest.SerializeToString, api.DeleteUploadResponse.FromString
        )
        return await made(api.DeleteUploadRequest(upload_id=upload_id), metadata=self.metadata, timeout=30)

    async def rest_of(self, upload_id, data, **more):
        """Ask for the offset, and send what is missing of `data`."""
        stored = await self.get(upload_id)
        return await self.create(continued(upload_id, stored.offset_bytes, data), **more)


def continued(upload_id, offset_bytes, data, **fields):
    again = header(upload_id=upload_id, offset_bytes=offset_bytes, **fields)
    return [again, *chunks(data[offset_bytes:]), trailer(data)]


async def upload_id_of(call):
    """The id from the initial metadata."""
    async with asyncio.timeout(15):
        return dict(await call.initial_metadata())["upload-id"]


async def failure(call):
    """The error of an awaitable that must fail."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        found = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
        details = Status.FromString(found).details if found else ()
        info, retry = ErrorInfo(), RetryInfo()
        has_retry = any(each.Is(RetryInfo.DESCRIPTOR) and each.Unpack(retry) for each in details)
        any(each.Is(ErrorInfo.DESCRIPTOR) and each.Unpack(info) for each in details)
        return Failure(
            error.code().name,
            info.reason.lower(),
            error.details(),
            retry.retry_delay.seconds if has_retry else None,
            dict(info.metadata),
        )
    raise AssertionError("the call succeeded")


async def check_job(answer, database, leftovers, data):
    """Assert that the upload became a job, that the object is what was sent, and that nothing else is left."""
    job_id = answer.transcription.id
    row = await database.fetchrow("SELECT * FROM recordings WHERE id = $1", job_id)
    assert row["sha256"] == hashlib.sha256(data).digest()
    assert row["size_bytes"] == answer.transcription.size_bytes == len(data)
    assert leftovers.objects() == [row["object_key"]], (leftovers.objects(), row["object_key"])
    assert leftovers.content(row["object_key"]) == data
    assert leftovers.multiparts() == []
    assert await database.fetchval("SELECT count(*) FROM jobs WHERE state = 'queued'") == 1


async def _sent(parts) -> AsyncIterator[Request]:
    if hasattr(parts, "__aiter__"):
        async for part in parts:
            yield part
        return
    for part in parts:
        yield part
