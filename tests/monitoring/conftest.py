"""The programs that these tests run."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from chart import rendering

from .metric_names import ROOT


@pytest.fixture(scope="session")
def promtool() -> str:
    """From PATH, or from Debian's package `prometheus`, which is unpacked and not installed, so that no daemon starts."""
    if found := shutil.which("promtool"):
        return found
    cached = ROOT / ".make/promtool"
    if not cached.exists():
        _download("prometheus", "usr/bin/promtool", cached)
    return str(cached)


@pytest.fixture(scope="session")
def helm() -> str:
    path = rendering.helm()
    if path is None:
        pytest.skip(rendering.NO_HELM)
    return path


def _download(package: str, program: str, target: Path) -> None:
    if shutil.which("apt-get") is None:
        pytest.skip(f"{target.name} is not on PATH, and there is no apt-get to download it")
    target.parent.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=target.parent) as folder:
        download = subprocess.run(
            ["apt-get", "download", "--quiet", package], cwd=folder, capture_output=True, text=True, check=False
        )
        if download.returncode:
            pytest.skip(f"{target.name} is not on PATH, and apt-get cannot download it: {download.stderr[-200:]}")
        (archive,) = Path(folder).glob("*.deb")
        subprocess.run(["dpkg", "-x", archive, folder], check=True)
        (Path(folder) / program).replace(target)
