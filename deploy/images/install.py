"""Installs what packages of this repository need, in the versions of a requirements file: the first step of an image.

    install.py REQUIREMENTS VENV PROJECT...

A PROJECT is a folder with a pyproject.toml. Its dependencies, and theirs, are installed as they are pinned, and nothing else:
a dependency that the file does not pin is one that our code does without (silero-vad would bring torch, torch setuptools).
"""

# ruff: noqa: INP001 - a program, no package

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

# A base image has pip with a copy of packaging, but not packaging.
from pip._vendor.packaging.requirements import Requirement

Name = str
Needed = dict[Name, set[str]]
"""Distributions, with the extras of each that somebody needs."""


def normal(name: str) -> Name:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(requirements: str) -> dict[Name, str]:
    lines = [line for line in requirements.splitlines() if line and not line.startswith("#")]
    return {normal(line.partition("==")[0]): line for line in lines}


def declared(projects: Iterable[Path]) -> list[Requirement]:
    """The dependencies of the projects, without the projects themselves.

    Raises:
        SystemExit: a project needs one that is not listed.
    """
    tables = [tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"] for folder in projects]
    wanted = [Requirement(line) for table in tables for line in table["dependencies"]]
    ours = {normal(table["name"]) for table in tables}
    if missing := {name for name in map(_name, wanted) if name.startswith("voicepipe-")} - ours:
        raise SystemExit(f"install.py: also give the folder of {', '.join(sorted(missing))}")
    return [requirement for requirement in wanted if _name(requirement) not in ours]


def add(needed: Needed, requirements: Iterable[Requirement]) -> bool:
    """Add requirements to `needed`; true if that changed it."""
    before = sum(len(extras) + 1 for extras in needed.values())
    for requirement in requirements:
        needed.setdefault(_name(requirement), set()).update(requirement.extras)
    return sum(len(extras) + 1 for extras in needed.values()) > before


def required_by(needed: Needed, installed: Iterable[importlib.metadata.Distribution]) -> Iterator[Requirement]:
    """What the installed ones among `needed` require on this platform."""
    for distribution in installed:
        if normal(distribution.name) not in needed:
            continue
        extras = ["", *needed[normal(distribution.name)]]
        for requirement in map(Requirement, distribution.requires or ()):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras):
                yield requirement


def main(requirements: Path, venv: Path, projects: list[Path]) -> None:
    pinned = pins(requirements.read_text(encoding="utf-8"))
    (site,) = venv.glob("lib/python3*/site-packages")
    needed: Needed = {}
    add(needed, declared(projects))
    if unpinned := needed.keys() - pinned.keys():
        raise SystemExit(f"install.py: {requirements} does not pin {', '.join(sorted(unpinned))}")
    found = True
    while found:
        present = {normal(one.name) for one in importlib.metadata.distributions(path=[str(site)])}
        if missing := [pin for name, pin in pinned.items() if name in needed and name not in present]:
            _pip(venv, missing)
        found = add(needed, required_by(needed, importlib.metadata.distributions(path=[str(site)])))
    for folder in list(site.rglob("tests")):  # a tenth of an image
        if folder.is_dir():
            shutil.rmtree(folder)


def _name(requirement: Requirement) -> Name:
    return normal(requirement.name)


def _pip(venv: Path, pins: list[str]) -> None:
    command = [sys.executable, "-m", "pip", "--python", str(venv / "bin" / "python"), "install", "--no-deps"]
    subprocess.run([*command, "--no-compile", "--quiet", "--disable-pip-version-check", *pins], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), [Path(folder) for folder in sys.argv[3:]])
