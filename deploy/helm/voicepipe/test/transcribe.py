#!/usr/bin/env python3
"""`helm test`: sends a clip through the installation and prints its transcript.

Uses only the standard library, because it runs in the image of upload. The exit status is 0 if there is a transcript, else 1; the last
line says why.
"""

# ruff: noqa: S310, T201 - the chart sets the URLs, and the log of its pod is how a test reports

from __future__ import annotations

import contextlib
import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path
from typing import Any

UPLOAD_URL, STATUS_URL = os.environ["UPLOAD_URL"], os.environ["STATUS_URL"]
TIMEOUT_S = float(os.environ["TIMEOUT_S"])
CLIP = Path("/test/clip.ogg")
KEY_FILE = Path("/run/voicepipe/secrets/voicepipe_api_key")

# The certificate is for the public name of the gateway, but the test uses its name in the cluster.
CONTEXT = ssl.create_default_context()
CONTEXT.check_hostname = False
CONTEXT.verify_mode = ssl.CERT_NONE


class Failed(Exception):
    """The test failed; the message says why."""


class Unavailable(Failed):
    """A service gave no answer, or a server error: it may still be starting."""


def main() -> int:
    if not KEY_FILE.exists():
        print("FAILED: the test has no API key: set apiKey.existingSecret.")
        return 1
    try:
        text = transcribe(time.monotonic() + TIMEOUT_S)
    except Failed as failure:
        print(f"FAILED: {failure}")
        return 1
    print(f"The transcript of the clip is: {text}")
    return 0


def transcribe(deadline: float) -> str:
    transcription = f"{STATUS_URL}/v1/transcriptions/{upload(deadline)}"
    try:
        while True:
            job = json.loads(request("GET", transcription))
            if job["state"] == "completed":
                break
            if job["state"] in {"failed", "cancelled"}:
                raise Failed(f"the transcription is {job['state']}: {job.get('error')}")
            if time.monotonic() > deadline:
                raise Failed(f"after {TIMEOUT_S:g} s the transcription is still {job['state']}: {stages(job)}")
            time.sleep(0.5)
        text = request("GET", f"{transcription}/transcript?format=txt").decode().strip()
        if not text:
            raise Failed("the transcript is empty")
        return text
    finally:
        # Otherwise the next test would get this transcription back instead of a new one.
        with contextlib.suppress(Failed):
            request("DELETE", transcription)


def upload(deadline: float) -> str:
    """Upload the clip and return the ID of its transcription. Services may take until the deadline to start."""
    while True:
        try:
            answer = request("POST", f"{UPLOAD_URL}/v1/transcriptions?name=helm-test.ogg", CLIP.read_bytes())
        except Unavailable as failure:
            if time.monotonic() > deadline:
                raise
            print(f"waiting: {failure}", flush=True)
            time.sleep(2)
        else:
            return str(json.loads(answer)["id"])


def request(method: str, url: str, body: bytes | None = None) -> bytes:
    """Send one request.

    Raises:
        Unavailable: no response, or a server error.
        Failed: the answer is another error.
    """
    headers = {"Authorization": f"Bearer {KEY_FILE.read_text().strip()}", "Content-Type": "audio/ogg"}
    try:
        sent = urllib.request.Request(url, body, headers, method=method)
        with urllib.request.urlopen(sent, timeout=10, context=CONTEXT) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        failure = Unavailable if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR else Failed
        raise failure(f"{method} {url} answered {error.code} {error.read()[:300].decode(errors='replace')}") from error
    except OSError as error:
        raise Unavailable(f"{method} {url} was not answered: {error}") from error


def stages(job: dict[str, Any]) -> str:
    return ", ".join(f"{stage['stage']} {stage['state']}" for stage in job["stages"])


if __name__ == "__main__":
    sys.exit(main())
