"""The process that decodes one file. Started by `prepare.decode` as `python -s -P -m ...prepare.decoder '{...}'`.

1. It decodes a sample of its own, which loads everything that it will need, then confines itself (`sandbox`), and says on stderr what took effect.
2. It gets the file over the socket that is its standard input, as an open descriptor, with what the client asked for. Nothing that an
   attacker has made reaches it before.
3. It writes PCM to stdout, and lines of JSON to stderr: what is known early, then the result or an error.

The environment has nothing but where Python finds its modules, so its memory holds nothing of the service: no keys, no other recording.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
from typing import Any

import numpy.linalg  # noqa: F401

from voicepipe_orchestrator.prepare.decoder import sandbox
from voicepipe_orchestrator.prepare.decoder.decode import Job, decode
from voicepipe_orchestrator.prepare.decoder.refusal import Refused
from voicepipe_orchestrator.prepare.decoder.source import File

MESSAGE_BYTES = 4096


def main() -> None:
    limits = json.loads(sys.argv[1])
    _rehearse()
    _report({"confined": sandbox.confine(limits["parent"], limits["cpu_s"], limits["memory_bytes"])})
    with socket.socket(fileno=0) as commands:
        message, descriptors, _, _ = socket.recv_fds(commands, MESSAGE_BYTES, 1)
    if not descriptors:
        return
    try:
        decode(File(descriptors[0]), Job(**json.loads(message)), _write, _report)
    except Refused as error:
        _report({"error": error.code, "values": error.values})
    except MemoryError:
        _report({"error": "decode_limit", "values": {}})


def _rehearse() -> None:
    """Decode a tenth of a second of stereo. Parts of PyAV and NumPy are loaded only where they are first used."""
    rate, samples = 44_100, bytes(4 * 4_410)
    form = struct.pack("<HHIIHH", 1, 2, rate, rate * 4, 4, 16)
    header = b"RIFF" + struct.pack("<I", 36 + len(samples)) + b"WAVEfmt " + struct.pack("<I", len(form)) + form
    with os.fdopen(os.memfd_create("sample"), "r+b") as sample:
        sample.write(header + b"data" + struct.pack("<I", len(samples)) + samples)
        sample.flush()
        decode(File(sample.fileno()), Job(None, "auto", 1.0), lambda _: None, lambda _: None)


def _write(pcm: bytes) -> None:
    view = memoryview(pcm)
    while view:
        view = view[os.write(1, view) :]


def _report(fact: dict[str, Any]) -> None:
    os.write(2, json.dumps(fact).encode() + b"\n")


if __name__ == "__main__":
    main()
    os._exit(0)  # there is nothing to tidy up, and the parent waits for the end
