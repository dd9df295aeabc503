"""Files from URLs. A download resumes where an earlier try stopped."""

from __future__ import annotations

import time
from pathlib import Path

import httpx

from .entry import File
from .errors import ModelUnavailable
from .files import link_or_copy, sha256_of
from .progress import Reporter, size

_TRIES = 4
_PAUSE_S = 0.5
"""Before the second try; doubles."""
_RETRYABLE = (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS)
_TIMEOUT_S = 30.0
"""For connecting and for each read. A silent server counts as a failed try."""


def fetch_urls(files: tuple[File, ...], staging: Path, out: Path, reporter: Reporter) -> None:
    with httpx.Client(follow_redirects=True, timeout=_TIMEOUT_S) as client:
        for file in files:
            part = staging / f"{file.sha256}.part"
            reporter.say(f"Downloading {file.path} ({size(file.size_bytes)}) from {file.url}.")
            _fetch(client, file, part, reporter)
            link_or_copy(part, out / file.path)


def _fetch(client: httpx.Client, file: File, part: Path, reporter: Reporter) -> None:
    why = ""
    for tried in range(_TRIES):
        if tried:
            reporter.say(f"  {why}; trying again.")
            time.sleep(_PAUSE_S * 2 ** (tried - 1))
        try:
            _append(client, file, part, reporter)
            if sha256_of(part) == file.sha256:
                return
            part.unlink()
            why = "the SHA-256 of the download differs from the catalogue"
        except httpx.HTTPStatusError as error:
            why = f"the server answered {error.response.status_code}"
            if error.response.is_client_error and error.response.status_code not in _RETRYABLE:
                break
        except httpx.RequestError as error:
            why = str(error) or type(error).__name__
    raise ModelUnavailable(
        f"{file.url} could not be downloaded: {why}. The bytes received so far are kept. Try again later, or name a "
        "folder that holds the model instead of this model."
    )


def _append(client: httpx.Client, file: File, part: Path, reporter: Reporter) -> None:
    have_bytes = part.stat().st_size if part.is_file() else 0
    if have_bytes == file.size_bytes:
        return
    if have_bytes > file.size_bytes:
        have_bytes = 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have_bytes}-"} if have_bytes else {})
    with client.stream("GET", file.url, headers=headers) as response:
        response.raise_for_status()
        if response.status_code != httpx.codes.PARTIAL_CONTENT:
            have_bytes = 0
        with part.open("ab" if have_bytes else "wb") as written:
            # Unbuffered: with chunks of a fixed size the bytes before a disconnect would be lost.
            for chunk in response.iter_raw():
                have_bytes += len(chunk)
                if have_bytes > file.size_bytes:
                    part.unlink()
                    raise ModelUnavailable(f"{file.url} sends more bytes than the catalogue says. It was not used.")
                written.write(chunk)
                reporter.progress(have_bytes, file.size_bytes)
