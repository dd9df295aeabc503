"""The programs that these tests run: on PATH, or else put into .make once."""

from __future__ import annotations

import fcntl
import lzma
import shutil
import subprocess
from pathlib import Path
from typing import TextIO

import pytest

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".make/monitoring"
HELM = ROOT.parent / "shared/cluster/bin/helm.xz"


def promtool() -> str:
    """From Debian's package `prometheus`, which is unpacked and not installed, so that no daemon starts."""
    if found := shutil.which("promtool"):
        return found
    cached = CACHE / "prometheus/usr/bin/promtool"
    with _lock():
        if not cached.exists():
            _download("prometheus", cached)
    return str(cached)


def helm() -> str:
    if found := shutil.which("helm"):
        return found
    if not HELM.exists():
        pytest.skip("helm is not on PATH")
    cached = CACHE / "helm"
    with _lock():
        if not cached.exists():
            partial = cached.with_suffix(".partial")
            partial.write_bytes(lzma.decompress(HELM.read_bytes()))
            partial.chmod(0o755)
            partial.rename(cached)
    return str(cached)


def _lock() -> TextIO:
    """Several workers of pytest may need a program at once. Closing the file unlocks it."""
    CACHE.mkdir(parents=True, exist_ok=True)
    file = (CACHE / "lock").open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def _download(package: str, wanted: Path) -> None:
    if not shutil.which("apt-get"):
        pytest.skip("promtool is not on PATH, and there is no apt-get to download it")
    partial = CACHE / f"{package}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    download = subprocess.run(
        ["apt-get", "download", "--quiet", package], cwd=partial, capture_output=True, text=True, check=False
    )
    if download.returncode:
        pytest.skip(f"promtool is not on PATH, and apt-get cannot download it: {download.stderr.strip()[-200:]}")
    (archive,) = partial.glob("*.deb")
    subprocess.run(["dpkg", "-x", archive, partial], check=True)
    archive.unlink()
    partial.rename(CACHE / package)
    assert wanted.exists(), f"{package} does not contain {wanted.name}"
