#!/usr/bin/env python3
"""`helm test`: sends a clip through the installation and prints its transcript.

Needs only the standard library, because it runs in the image of upload. Exit status: 0 there is a transcript, 1 there is none; the last
line says why.
"""

# ruff: noqa: S310, T201 (the URLs are the chart's; what it prints is its result)

from __future__ import annotations

import contextlib
import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

UPLOAD_URL, STATUS_URL = os.environ["UPLOAD_URL"], os.environ["STATUS_URL"]
TIMEOUT_S = float(os.environ["TIMEOUT_S"])
CLIP = Path("/test/clip.ogg")
KEY_FILE = Path("/run/voicepipe/secrets/voicepipe_api_key")

# The certificate is for the public name of the gateway, and the test uses its name in the cluster.
CONTEXT = ssl.create_default_context()
CONTEXT.check_hostname = False
CONTEXT.verify_mode = ssl.CERT_NONE


class Failed(Exception):
    """There is no transcript; the message says why."""


def main() -> int:
    try:
        text = transcribe(time.monotonic() + TIMEOUT_S)
    except Failed as failure:
        print(f"FAILED: {failure}")
        return 1
    print(f"The transcript of the clip is: {text}")
    return 0


def transcribe(deadline: float) -> str:
    created = until_accepted(deadline)
    transcription = f"{STATUS_URL}/v1/transcriptions/{created['id']}"
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
        # The same bytes again would only return this transcription.
        with contextlib.suppress(Failed):
            request("DELETE", transcription)


def until_accepted(deadline: float) -> dict[str, str]:
    """Upload the clip. Services that just start are given the time that is left."""
    while True:
        try:
            answer = request("POST", f"{UPLOAD_URL}/v1/transcriptions?name=helm-test.ogg", CLIP.read_bytes())
        except Failed as failure:
            if time.monotonic() > deadline or " 401 " in str(failure):
                raise
            print(f"waiting: {failure}", flush=True)
            time.sleep(2)
        else:
            created: dict[str, str] = json.loads(answer)
            return created


def request(method: str, url: str, body: bytes | None = None) -> bytes:
    """Send one request.

    Raises:
        Failed: there is no answer, or it is an error.
    """
    headers = {"Authorization": f"Bearer {KEY_FILE.read_text().strip()}", "Content-Type": "audio/ogg"}
    try:
        sent = urllib.request.Request(url, body, headers, method=method)
        with urllib.request.urlopen(sent, timeout=10, context=CONTEXT) as answer:
            content: bytes = answer.read()
            return content
    except urllib.error.HTTPError as error:
        raise Failed(f"{method} {url} answered {error.code} {error.read()[:300].decode(errors='replace')}") from error
    except OSError as error:
        raise Failed(f"{method} {url} was not answered: {error}") from error


def stages(job: dict[str, Any]) -> str:
    return ", ".join(f"{stage['stage']} {stage['state']}" for stage in job["stages"])


if __name__ == "__main__":
    sys.exit(main() if KEY_FILE.exists() else "FAILED: there is no API key for the test: set apiKey.existingSecret.")
