"""S3: streams in both directions with constant memory.

minio-py signs every request and sends the small ones. It is synchronous and keeps its multipart calls private, so
streaming requests are presigned with it and sent with httpx; parts are sent with urllib3 in threads (`put_part`).

Invariants of multipart uploads (`MultipartWriter`):

- An object appears whole or not at all: S3 makes it readable only at `complete_multipart`, which `finish` calls last.
- Parts are numbered from 1 without gaps, in the order of the bytes, one at a time. Every part but the last has exactly
  `SMALLEST_PART_BYTES`, so the buffer holds less than that between writes.
- Leaving the block without `finish`, or with a `finish` that failed, aborts the upload, so its parts are deleted.

Races:

- The process dies inside the block, so nothing aborts: the controller lists `unfinished_uploads` and aborts those that
  are a day old and have no row in `uploads`.
- The block is left while a part is being sent: its thread cannot be cancelled, and S3 may store the part after the
  abort. The same list finds an upload that survives.
- `complete_multipart` succeeds but its answer is lost: `finish` raises Unavailable and the block aborts.
  `abort_multipart` accepts the 404 of an upload that no longer exists. The object stays; the caller retries under
  another key, and the object is deleted with its prefix.
- Two attempts write at the same time: each has its own key (`pcm/<owner>/<job>/<attempt>`) and upload id.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import httpx
import urllib3
from minio import Minio
from minio.error import S3Error

from voicepipe_wire import aio
from voicepipe_wire.errors import Dependency, Unavailable
from voicepipe_wire.failures import Breaker, Kind, kind_of_http_status
from voicepipe_wire.settings import Settings

Result = TypeVar("Result")
_Markers = tuple[str | None, str | None]  # of a key and of an upload id: where a page begins

# S3 requires at least 5 MiB in every part but the last and allows 10,000 parts: parts of 8 MiB reach 80 GB.
PART_BYTES = 8 * 1024 * 1024
SMALLEST_PART_BYTES = 5 * 1024 * 1024
MAX_PARTS_IN_FLIGHT = 32  # of the whole process
_BLOCK_BYTES = 256 * 1024
CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 3.0, 30.0
# urllib3 sends under the connect timeout, and Python's `sendall` counts it for all bytes of one call. Sent in pieces, a part may take as long
# as it likes while each piece arrives in time: 43 kB/s.
_SENT_PIECE_BYTES = 128 * 1024
_URL_LIFETIME = timedelta(hours=1)
_UPLOADS_PER_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Part:
    number: int
    etag: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class UnfinishedUpload:
    """A multipart upload that was neither completed nor aborted."""

    key: str
    upload_id: str
    started_at: datetime


class ObjectMissing(Exception):
    """There is no object with that key."""


class ObjectStore:
    """One bucket.

    Raises:
        Unavailable: from every method, when the store is unavailable, refuses our keys, or has not answered for a while.
        ObjectMissing: from every method, when there is no such object or upload.
    """

    def __init__(
        self,
        minio: Minio,
        blocking: urllib3.PoolManager,
        senders: Executor,
        http: httpx.AsyncClient,
        settings: Settings,
    ) -> None:
        self._minio = minio
        self._blocking = blocking
        self._senders = senders
        self._http = http
        self._bucket = settings.s3_bucket
        self._encryption = _encryption(settings)
        self._breaker = Breaker(Dependency.OBJECT_STORE)

    async def ensure_bucket(self) -> None:
        if not await self._call(self._minio.bucket_exists, self._bucket):
            await self._call(self._minio.make_bucket, self._bucket)

    async def put(self, key: str, data: bytes, media_type: str = "application/octet-stream") -> None:
        await self._send("PUT", key, content=data, headers={"Content-Type": media_type, **self._encryption})

    async def size_bytes(self, key: str) -> int:
        response = await self._send("HEAD", key)
        return int(response.headers["content-length"])

    async def read(self, key: str, start: int, end: int) -> bytes:
        """Bytes [start, end) of an object; fewer if it ends earlier."""
        if start >= end:
            return b""
        response = await self._send("GET", key, headers={"Range": f"bytes={start}-{end - 1}"}, allowed={206, 416})
        return response.content if response.status_code == httpx.codes.PARTIAL_CONTENT else b""

    @asynccontextmanager
    async def open(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        """Stream the bytes [start, end) of an object. Leaving the context early closes the connection."""
        headers = {"Range": f"bytes={start}-{'' if end is None else end - 1}"} if start or end is not None else {}
        async with AsyncExitStack() as stack:
            with self._breaker.call():
                stream = self._http.stream("GET", self._url("GET", key), headers=headers)
                response = await stack.enter_async_context(stream)
                _check(response.status_code, key)
            yield _blocks(response)

    async def delete(self, *keys: str) -> None:
        """Delete objects. Missing ones count as deleted."""
        for key in keys:
            await self._send("DELETE", key, allowed={404})

    async def delete_under(self, prefix: str) -> None:
        def delete_listed() -> None:
            for item in self._minio.list_objects(self._bucket, prefix=prefix, recursive=True):
                self._minio.remove_object(self._bucket, item.object_name)

        await self._call(delete_listed)

    async def keys_older_than(self, prefix: str, time: datetime) -> list[str]:
        """The keys under a prefix that were last written before `time`. A bucket that does not exist yet has none."""

        def listed() -> list[str]:
            found = self._minio.list_objects(self._bucket, prefix=prefix, recursive=True)
            return [str(item.object_name) for item in found if item.last_modified and item.last_modified < time]

        try:
            return await self._call(listed)
        except ObjectMissing:
            return []

    async def begin_multipart(self, key: str, media_type: str) -> str:
        response = await self._send(
            "POST", key, {"uploads": ""}, headers={"Content-Type": media_type, **self._encryption}
        )
        upload_id = ET.fromstring(response.content).findtext("{*}UploadId")  # noqa: S314 - the answer of our own store
        if not upload_id:
            raise Unavailable(Dependency.OBJECT_STORE, "the object store returned no upload id")
        return upload_id

    async def put_part(self, key: str, upload_id: str, number: int, data: bytes | memoryview) -> Part:
        """Send a part from a thread: writing 8 MiB to the socket would keep the event loop from receiving more."""
        url = self._url("PUT", key, {"partNumber": str(number), "uploadId": upload_id})
        headers = {"Content-Length": str(len(data))}
        put = partial(self._blocking.request, "PUT", url, body=_Pieces(data), headers=headers)
        with self._breaker.call():
            answer = await asyncio.get_running_loop().run_in_executor(self._senders, put)
            _check(answer.status, key)
        return Part(number, answer.headers["etag"], len(data))

    async def complete_multipart(self, key: str, upload_id: str, parts: Sequence[Part]) -> None:
        root = ET.Element("CompleteMultipartUpload")
        for part in sorted(parts, key=lambda part: part.number):
            item = ET.SubElement(root, "Part")
            ET.SubElement(item, "PartNumber").text = str(part.number)
            ET.SubElement(item, "ETag").text = part.etag
        response = await self._send("POST", key, {"uploadId": upload_id}, content=ET.tostring(root))
        # S3 may answer 200 with an error in the body.
        if b"<Error>" in response.content:
            raise Unavailable(Dependency.OBJECT_STORE, "the object store did not complete the upload")

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        await self._send("DELETE", key, {"uploadId": upload_id}, allowed={404})

    async def unfinished_uploads(self, prefix: str) -> list[UnfinishedUpload]:
        """All multipart uploads to keys under `prefix` that were neither completed nor aborted.

        A bucket that does not exist yet has none.
        """
        found: dict[str, UnfinishedUpload] = {}
        markers: _Markers | None = (None, None)
        while markers is not None:
            page, markers = await self._page_of_uploads(prefix, markers)
            added = {each.upload_id: each for each in page if each.upload_id not in found}
            if not added:  # a store that ignores the markers
                break
            found |= added
        return list(found.values())

    async def _page_of_uploads(self, prefix: str, markers: _Markers) -> tuple[list[UnfinishedUpload], _Markers | None]:
        """One page, and the markers of the next one; None after the last."""
        # A URL of the bucket itself cannot be presigned.
        list_uploads = self._minio._list_multipart_uploads  # noqa: SLF001 - minio-py has no public call
        page_of = partial(
            list_uploads,
            self._bucket,
            prefix=prefix,
            max_uploads=_UPLOADS_PER_PAGE,
            key_marker=markers[0],
            upload_id_marker=markers[1],
        )
        try:
            answer = await self._call(page_of)
        except ObjectMissing:
            return [], None
        page = [
            UnfinishedUpload(each.object_name, each.upload_id, each.initiated_time)
            for each in answer.uploads
            if each.object_name and each.upload_id and each.initiated_time
        ]
        if not page or not answer.is_truncated:
            return page, None
        # minio-py loses the second marker of the answer. SeaweedFS sends only that one, and goes by the ids alone.
        return page, (answer.next_key_marker, page[-1].upload_id)

    async def _send(
        self,
        method: str,
        key: str,
        query: dict[str, str] | None = None,
        allowed: AbstractSet[int] = frozenset(),
        **request: Any,
    ) -> httpx.Response:
        with self._breaker.call():
            response = await self._http.request(method, self._url(method, key, query), **request)
            if response.status_code not in allowed:
                _check(response.status_code, key)
        return response

    def _url(self, method: str, key: str, query: dict[str, str] | None = None) -> str:
        return self._minio.get_presigned_url(
            method, self._bucket, key, expires=_URL_LIFETIME, extra_query_params=dict(query or {})
        )

    async def _call(self, function: Callable[..., Result], *arguments: Any) -> Result:
        with self._breaker.call():
            try:
                return await asyncio.to_thread(function, *arguments)
            except S3Error as error:
                if error.code in {"NoSuchKey", "NoSuchBucket"}:
                    raise ObjectMissing(error.code) from error
                raise


class _Pieces:
    """The bytes of a request in pieces, again for each attempt."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = data

    def __iter__(self) -> Iterator[bytes]:
        # Copies: after a failure the traceback keeps this generator, and a view would keep the caller from reusing its buffer.
        for start in range(0, len(self._data), _SENT_PIECE_BYTES):
            yield bytes(self._data[start : start + _SENT_PIECE_BYTES])


class MultipartWriter:
    """Writes an object from blocks of any size, holding about one part of the smallest size in memory.

    An async context manager: leaving it without `finish` aborts the upload.
    """

    def __init__(self, store: ObjectStore, key: str, media_type: str = "application/octet-stream") -> None:
        self._store = store
        self._key = key
        self._media_type = media_type
        self._upload_id: str | None = None
        self._buffer = bytearray()
        self._parts: list[Part] = []

    async def __aenter__(self) -> Self:
        self._upload_id = await self._store.begin_multipart(self._key, self._media_type)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._upload_id is not None:
            await self._store.abort_multipart(self._key, self._upload_id)

    async def write(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= SMALLEST_PART_BYTES:
            # A view instead of a slice saves two copies of the part.
            with memoryview(self._buffer) as buffer, buffer[:SMALLEST_PART_BYTES] as part:
                await self._put(part)
            del self._buffer[:SMALLEST_PART_BYTES]

    async def finish(self) -> None:
        assert self._upload_id is not None  # noqa: S101 - narrows the type
        if self._buffer or not self._parts:
            await self._put(bytes(self._buffer))
        await self._store.complete_multipart(self._key, self._upload_id, self._parts)
        self._upload_id = None

    async def _put(self, data: bytes | memoryview) -> None:
        assert self._upload_id is not None  # noqa: S101 - narrows the type
        # To its end, though this task is cancelled meanwhile: a thread sends `data`, which is a view of the buffer.
        put = self._store.put_part(self._key, self._upload_id, len(self._parts) + 1, data)
        self._parts.append(await aio.finish(put))


@asynccontextmanager
async def connect(settings: Settings, max_connections: int = 64) -> AsyncIterator[ObjectStore]:
    """The store of the settings, with so many requests of httpx at once. Sends nothing, so the store may be unavailable."""
    address = urlsplit(settings.s3_endpoint)
    tls = settings.tls_context()
    pool = urllib3.PoolManager(
        maxsize=MAX_PARTS_IN_FLIGHT,
        timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=READ_TIMEOUT_S),
        retries=urllib3.Retry(1),
        ssl_context=tls,
    )
    minio = Minio(
        endpoint=address.netloc,
        access_key=settings.s3_access_key.get_secret_value(),
        secret_key=settings.s3_secret_key.get_secret_value(),
        secure=address.scheme == "https",
        region=settings.s3_region,  # set, so that signing needs no request for it
        http_client=pool,
    )
    limits = httpx.Limits(max_connections=max_connections, max_keepalive_connections=32, keepalive_expiry=10)
    with ThreadPoolExecutor(MAX_PARTS_IN_FLIGHT, "object-store") as senders:
        async with httpx.AsyncClient(
            timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S), limits=limits, verify=tls
        ) as http:
            yield ObjectStore(minio, pool, senders, http, settings)


def _encryption(settings: Settings) -> dict[str, str]:
    """The headers that ask the store to encrypt an object at rest."""
    wanted = {
        "x-amz-server-side-encryption": str(settings.s3_server_side_encryption),
        "x-amz-server-side-encryption-aws-kms-key-id": settings.s3_kms_key_id,
    }
    return {name: value for name, value in wanted.items() if value}


def _check(status: int, key: str) -> None:
    if status == httpx.codes.NOT_FOUND:
        raise ObjectMissing(key)
    if httpx.codes.is_success(status):
        return
    reason = f"the object store answered {status}"
    if kind_of_http_status(status) is Kind.UNAVAILABLE:
        raise Unavailable(Dependency.OBJECT_STORE, reason)
    raise RuntimeError(reason)


async def _blocks(response: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for block in response.aiter_bytes(_BLOCK_BYTES):
            yield block
    except httpx.TransportError as error:
        raise Unavailable(Dependency.OBJECT_STORE, type(error).__name__) from error
