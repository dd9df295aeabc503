"""Damaged and hostile files: each is decoded with true warnings or refused with a clear error. None hangs, none crashes, none reads anything else.

`VOICEPIPE_DAMAGED_FILES` is how many, 500 if it is not set.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from voicepipe_orchestrator.prepare.decode import DecodeLimits, DecoderHung, Wish, decode
from voicepipe_orchestrator.prepare.findings import warnings_of
from voicepipe_orchestrator.prepare.report import Found
from voicepipe_wire.error_catalogue import JOBS, WARNINGS
from voicepipe_wire.errors import Reject

from media.damages import PIECES_S, STATING, Damaged, bases, damaged, tricks
from media.makers import RATE, wav
from media.markers import LIKE, place, sound

SEED: Final = 15
COUNT: Final = int(os.environ.get("VOICEPIPE_DAMAGED_FILES", "500"))
AT_ONCE: Final = 4
SECRET: Final = 99  # the marker in the file that nobody may read
LIMITS: Final = DecodeLimits(timeout_s=60, stall_timeout_s=60, cpu_s=20, max_audio_s=600)
HANGING_S: Final = 120  # far beyond the limits of the decoder
LENGTH_S: Final = sum(PIECES_S)
CUT_S: Final = 1.1  # a cut of less than a second is not warned of


@dataclass(frozen=True, slots=True)
class Outcome:
    """`found` is None if the file was refused with `code`, else `code` has its warnings."""

    file: Damaged
    code: str
    found: Found | None
    has_secret: bool


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return bases(tmp_path_factory.mktemp("bases"))


@pytest.fixture
def port() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        yield server


async def outcome(file: Damaged, folder: Path) -> Outcome:
    path = folder / file.name
    path.write_bytes(file.content)
    pcm = b""
    try:
        async with asyncio.timeout(HANGING_S), decode(path, Wish(channels="auto"), LIMITS) as decoding:
            async for block in decoding:
                pcm += block
    except Reject as error:
        return Outcome(file, error.code, None, has_secret=False)
    finally:
        path.unlink()
    found = decoding.result.found
    codes = sorted(finding.code for finding in warnings_of(found, speech_s=1.0))
    assert set(codes) <= set(WARNINGS)
    likeness = place(np.frombuffer(pcm, "<i2").astype(np.float64), SECRET)[1]
    return Outcome(file, "+".join(codes) or "decoded", found, has_secret=likeness >= LIKE)


async def outcomes(files: Iterator[Damaged], folder: Path) -> list[Outcome]:
    """A few at once. A crash names its file."""
    ended: list[Outcome] = []

    async def work() -> None:
        for file in files:
            try:
                ended.append(await outcome(file, folder))
            except (RuntimeError, DecoderHung, TimeoutError, AssertionError) as error:
                pytest.fail(f"{file.name}: {error!r}")

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return ended


def wrongly_described(ended: Outcome) -> str | None:
    """What its warnings say that cannot be true, or leave out."""
    found, file = ended.found, ended.file
    if found is None:
        return None if ended.code in JOBS else f"{file.name}: {ended.code} is not in the catalogue"
    length_s = found.samples / RATE
    if not 0 <= found.lost_s <= length_s + 1 or not 0 <= (found.first_s or 0) <= length_s + 0.1:
        return f"{file.name}: {found.lost_s} s lost from {found.first_s} s, of {length_s} s"
    if file.kind == "cut" and file.base in STATING and length_s < LENGTH_S - CUT_S and not found.missing_s:
        return f"{file.name}: {length_s} s are left of {LENGTH_S} s, and nothing is said"
    return None


@pytest.mark.timeout(900)
async def test_a_damaged_file_is_decoded_with_true_warnings_or_refused(whole, tmp_path, record_property):
    ended = await outcomes(damaged(whole, SEED, COUNT), tmp_path)
    counts = Counter(f"{'refused: ' * (each.found is None)}{each.code}" for each in ended)
    record_property(
        "measured", f"{len(ended)} damaged files: " + ", ".join(f"{n} {code}" for code, n in counts.most_common())
    )
    assert len(ended) == COUNT
    assert [fault for each in ended if (fault := wrongly_described(each))] == []
    # The generator makes files of both sorts.
    assert counts["decoded"] > COUNT / 20
    assert sum(each.found is None for each in ended) > COUNT / 50


@pytest.mark.timeout(300)
async def test_archives_and_playlists_read_no_other_file_and_open_no_connection(whole, tmp_path, port, record_property):
    secret = tmp_path / "secret.wav"
    secret.write_bytes(wav(sound((1.0,), first=SECRET)))
    ended = await outcomes(tricks(whole, secret, port.getsockname()[1]), tmp_path)
    counts = Counter(f"{'refused: ' * (each.found is None)}{each.code}" for each in ended)
    record_property("measured", f"{len(ended)} tricks: " + ", ".join(f"{n} {code}" for code, n in counts.most_common()))
    assert [each.file.name for each in ended if each.has_secret] == []
    with pytest.raises(TimeoutError):
        port.accept()


async def test_the_secret_would_be_found_if_it_were_read(tmp_path):
    secret = Damaged("secret.wav", "", "trick", wav(sound((1.0,), first=SECRET)))
    assert (await outcome(secret, tmp_path)).has_secret
