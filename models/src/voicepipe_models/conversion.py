"""Converts raw files into a model, with a program that runs in an environment with the right libraries."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from .entry import Conversion
from .errors import ModelUnavailable
from .progress import Reporter

_FOLDER_MODE, _FILE_MODE = 0o755, 0o644


def convert(conversion: Conversion, raw: Path, out: Path, reporter: Reporter) -> Path:
    """Run `PYTHON -m MODULE RAW OUT` and return `out`.

    Raises:
        ModelUnavailable: no Python can convert it, or the conversion failed.
    """
    python = python_for(conversion)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    reporter.say(f"Converting with {conversion.module}.")
    command = [python, "-m", conversion.module, str(raw), str(out)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError as error:
        raise ModelUnavailable(f"{python} cannot be run ({error}): set VOICEPIPE_DIARIZER_PYTHON.") from error
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise ModelUnavailable(
            f"{conversion.module} could not convert the model (exit status {done.returncode}): "
            f"{lines[-1].strip() if lines else 'no error message'}."
        )
    for path in out.rglob("*"):
        # The server, which may run as another user, must be able to read them.
        path.chmod(_FOLDER_MODE if path.is_dir() else _FILE_MODE)
    return out


def python_for(conversion: Conversion) -> str:
    """The Python that runs the conversion; checked without starting it.

    Raises:
        ModelUnavailable: VOICEPIPE_DIARIZER_PYTHON is not set, and this Python lacks the packages.
    """
    if python := os.environ.get("VOICEPIPE_DIARIZER_PYTHON"):
        return python
    package = conversion.module.partition(".")[0]
    if missing := [name for name in (package, "torch") if importlib.util.find_spec(name) is None]:
        raise ModelUnavailable(
            f"This model is converted by {conversion.module}, and {sys.executable} has no {' and no '.join(missing)}: "
            "set VOICEPIPE_DIARIZER_PYTHON to the Python of the diarizer's environment (.venv-diarizer/bin/python)."
        )
    return sys.executable
