"""Many clients that follow one transcription, in a process of their own: `python -m tests.bench.event_receivers JSON`.

Reading is all that this process does, so that its own work hardly delays what it measures. Over gRPC it therefore speaks HTTP/2 itself: the streams share a
few connections, requests are written with HPACK literals (RFC 7541, 6.2.2), and of the responses only the frames of data count.

Streams are opened in groups, each once those before have started: a client would repeat a request that times out, and this one does not.

It prints a line `ready` once every stream has received its first event, and at the end of its standard input one JSON object: for each event, by its sequence, the
arrival times in seconds since 1970.
"""

from __future__ import annotations

import json
import resource
import selectors
import socket
import struct
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

# Over HTTP/2 also those that share a connection.
STREAMS_IN_A_GROUP: Final = 100
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE = 0, 1, 3, 4, 6, 8
END_STREAM, ACK, END_HEADERS = 1, 1, 4
INITIAL_WINDOW_SIZE: Final = 4
LARGEST_WINDOW: Final = 2**31 - 1


@dataclass(slots=True)
class Arrivals:
    """By the sequence of an event, when it arrived at each stream."""

    wanted: int
    times: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    started: set[Any] = field(default_factory=set)

    def add(self, stream: Any, sequence: int) -> None:
        self.times[sequence].append(time.time())
        if stream not in self.started:
            self.started.add(stream)
            if len(self.started) == self.wanted:
                print("ready", flush=True)

    def end(self, stream: Any, reason: bytes) -> None:
        raise SystemExit(f"stream {stream} has ended after {len(self.started)} had started: {reason[:200]!r}")


class SseStream:
    """One connection, one stream."""

    def __init__(self, request: dict[str, Any], arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._rest = b""
        host, port = request["http"].split(":")
        self.socket = socket.create_connection((host, int(port)))
        head = f"GET /v1/transcriptions/{request['job']}/events HTTP/1.1\r\nHost: {host}\r\nX-API-Key: {request['key']}\r\n\r\n"
        self.socket.sendall(head.encode())

    def read(self) -> None:
        *lines, self._rest = (self._rest + (received := self.socket.recv(65536))).split(b"\n")
        if not received:
            self._arrivals.end(id(self), b"closed")
        for line in lines:
            if line.startswith(b"HTTP/1.1 ") and b" 200 " not in line:
                self._arrivals.end(id(self), line)
            if line.startswith(b"id: "):
                self._arrivals.add(id(self), int(line[4:]))


class Http2Connection:
    """One connection with several streams of `Transcriptions.Watch`."""

    def __init__(self, request: dict[str, Any], arrivals: Arrivals, streams: int) -> None:
        self._arrivals = arrivals
        self._rest = b""
        self._messages: dict[int, bytes] = {}
        host, port = request["grpc"].split(":")
        self.socket = socket.create_connection((host, int(port)))
        settings = struct.pack(">HI", INITIAL_WINDOW_SIZE, LARGEST_WINDOW)
        window = struct.pack(">I", LARGEST_WINDOW - 65535)
        self.socket.sendall(PREFACE + _frame(SETTINGS, 0, 0, settings) + _frame(WINDOW_UPDATE, 0, 0, window))
        headers = {
            ":method": "POST",
            ":scheme": "http",
            ":path": "/voicepipe.api.v1.Transcriptions/Watch",
            ":authority": request["grpc"],
            "te": "trailers",
            "content-type": "application/grpc",
            "x-api-key": request["key"],
        }
        block = b"".join(_literal(name, value) for name, value in headers.items())
        job = request["job"].encode()
        message = b"\x0a" + bytes([len(job)]) + job  # WatchTranscriptionRequest.id
        body = b"\x00" + struct.pack(">I", len(message)) + message
        for number in range(streams):
            stream = 2 * number + 1
            self.socket.sendall(_frame(HEADERS, END_HEADERS, stream, block) + _frame(DATA, END_STREAM, stream, body))

    def read(self) -> None:
        self._rest += self.socket.recv(1 << 20)
        while len(self._rest) >= 9:
            size = int.from_bytes(self._rest[:3], "big")
            if len(self._rest) < 9 + size:
                return
            kind, flags = self._rest[3], self._rest[4]
            stream = int.from_bytes(self._rest[5:9], "big")
            payload, self._rest = self._rest[9 : 9 + size], self._rest[9 + size :]
            self._handle(kind, flags, stream, payload)

    def _handle(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == SETTINGS and not flags & ACK:
            self.socket.sendall(_frame(SETTINGS, ACK, 0, b""))
        elif kind == PING and not flags & ACK:
            self.socket.sendall(_frame(PING, ACK, 0, payload))
        elif kind in {HEADERS, RST_STREAM} and (flags & END_STREAM or kind == RST_STREAM):
            self._arrivals.end(stream, payload)
        elif kind == DATA:
            self._receive(stream, self._messages.pop(stream, b"") + payload)

    def _receive(self, stream: int, data: bytes) -> None:
        """Messages of gRPC: a flag, a length of four bytes, a `TranscriptionEvent`, whose first field is its sequence. Heartbeats have none."""
        while len(data) >= 5 and len(data) >= 5 + (size := int.from_bytes(data[1:5], "big")):
            message, data = data[5 : 5 + size], data[5 + size :]
            if message[:1] == b"\x08":
                self._arrivals.add((id(self), stream), _varint(message, 1))
        if data:
            self._messages[stream] = data


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def _literal(name: str, value: str) -> bytes:
    """A header that is neither indexed nor Huffman coded; both parts are shorter than 127 bytes."""
    return b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def _varint(data: bytes, start: int) -> int:
    value, shift = 0, 0
    for byte in data[start:]:
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            break
        shift += 7
    return value


def main() -> None:
    request = json.loads(sys.argv[1])
    # Each stream over SSE needs a socket.
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    arrivals = Arrivals(int(request["streams"]))
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin, selectors.EVENT_READ, None)
    opened = 0
    while True:
        if len(arrivals.started) == opened < arrivals.wanted:
            group = min(STREAMS_IN_A_GROUP, arrivals.wanted - opened)
            for connection in connections(request, arrivals, group):
                selector.register(connection.socket, selectors.EVENT_READ, connection)
            opened += group
        for key, _ in selector.select():
            if key.data is None:
                print(json.dumps(arrivals.times))
                return
            key.data.read()


def connections(request: dict[str, Any], arrivals: Arrivals, streams: int) -> Sequence[SseStream | Http2Connection]:
    """Connections with so many streams in all."""
    if request["protocol"] == "sse":
        return [SseStream(request, arrivals) for _ in range(streams)]
    return [Http2Connection(request, arrivals, streams)]


if __name__ == "__main__":
    main()
