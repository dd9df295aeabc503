"""The environment of a run: everything that affects its figures, and nothing that identifies the machine."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from voicepipe_local import models
from voicepipe_local.testing import stacks

from .corpus import ROOT
from .product_client import ProductClient

PACKAGES = {
    ".venv": ("jiwer", "meeteval", "whisper_normalizer", "num2words"),
    ".venv-triton": ("ctranslate2",),
    ".venv-peers": ("faster_whisper", "ctranslate2"),
    ".venv-diarizer": ("pyannote_audio", "pyannote_metrics", "torch"),
}


def wanted_models() -> models.Models:
    """The models that the environment variables name, or the defaults. Missing ones are pulled.

    Raises:
        CannotStart: a model cannot be provided.
    """
    return models.put_in_place(models.wanted(os.environ), print)


@contextmanager
def product(chosen: models.Models) -> Iterator[ProductClient]:
    """A complete stack with these models, removed at the end."""
    speech = ",".join(f"{tier}={folder}" for tier, folder in chosen.speech.items())
    env = {"VOICEPIPE_MODELS": speech, "VOICEPIPE_DIARIZATION_MODEL": str(chosen.speakers or models.NO_SPEAKERS)}
    with stacks() as start:
        stack = start(env=env)
        client = ProductClient(stack.url, stack.headers)
        try:
            yield client
        finally:
            client.close()


def describe(chosen: models.Models) -> dict[str, Any]:
    """Revision, machine, versions and weights."""
    return {
        "made_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "revision": _revision(),
        "machine": f"{cores()} cores, {_processor()}, {_memory_gb():.0f} GB of memory",
        "versions": dict(_versions()),
        "weights": {
            **{tier: _weights(chosen.wanted.speech[tier], folder) for tier, folder in chosen.speech.items()},
            **({"speakers": _weights(str(chosen.wanted.speakers), chosen.speakers)} if chosen.speakers else {}),
        },
    }


def cores() -> int:
    return len(os.sched_getaffinity(0))


def _revision() -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
        ).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no")
    return f"{git('rev-parse', '--short', 'HEAD')}{' and changes' if changed else ''}"


def _processor() -> str:
    names = re.findall(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return names[0] if names else platform.machine()


def _memory_gb() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9


def _versions() -> Iterator[tuple[str, str]]:
    for environment, packages in PACKAGES.items():
        for package in packages:
            for metadata in (ROOT / environment).glob(f"lib/python3*/site-packages/{package}-*.dist-info"):
                yield f"{package} ({environment})", metadata.name.removesuffix(".dist-info").partition("-")[2]


def _weights(reference: str, folder: Path) -> str:
    """The requested name (of a folder only its last part), and the start of the SHA-256 of the largest file."""
    largest = max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    with largest.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return f"{Path(reference).name}: {largest.relative_to(folder)} {digest[:16]}"


def summary(description: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The rows of a table, from the result of `describe`."""
    flat = [
        ("measured", description["made_at"]),
        ("revision", description["revision"]),
        ("machine", description["machine"]),
    ]
    return [*flat, *description["weights"].items(), *description["versions"].items()]
