"""docs/architecture.md lists the packages and modules that exist in the file system."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = {
    "voicepipe_wire": ROOT / "libs/wire/src",
    "voicepipe_autoscaler": ROOT / "services/autoscaler/src",
    "voicepipe_orchestrator": ROOT / "services/orchestrator/src",
    "voicepipe_status": ROOT / "services/status/src",
    "voicepipe_upload": ROOT / "services/upload/src",
}

Rooms = dict[str, set[str]]


def documented(page: str) -> Rooms:
    """The modules of each package in the first fenced block of section Rooms.

    A line is `package/` and its modules. An indented package is inside the last one that is not indented. A line
    without a package continues the line above it.
    """
    block = re.search(r"^## Rooms$.*?^```$\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert block, "docs/architecture.md has no section Rooms with a fenced block"
    rooms: Rooms = {}
    outer = package = ""
    for line in filter(str.strip, block[1].splitlines()):
        words = line.split()
        if words[0].endswith("/"):
            name = words.pop(0).rstrip("/")
            if line[0] == " ":
                package = f"{outer}/{name}"
            else:
                outer = package = name
            assert package not in rooms, f"{package} is listed twice"
        rooms.setdefault(package, set()).update(words)
    return rooms


def existing(package: str, source: Path) -> Rooms:
    """The modules of each package in the file system."""
    rooms: Rooms = {}
    for file in (source / package).rglob("*.py"):
        modules = rooms.setdefault(file.parent.relative_to(source).as_posix(), set())
        if file.stem != "__init__":
            modules.add(file.stem)
    return rooms


def differences(page: Rooms, tree: Rooms) -> list[str]:
    on_page = {f"{package}/{module}" for package, modules in page.items() for module in ("", *modules)}
    in_tree = {f"{package}/{module}" for package, modules in tree.items() for module in ("", *modules)}
    return [f"missing from the page: {name}" for name in sorted(in_tree - on_page)] + [
        f"missing from the file system: {name}" for name in sorted(on_page - in_tree)
    ]


@pytest.mark.parametrize("package", SOURCES)
def test_the_page_lists_exactly_the_existing_modules(package):
    page = documented((ROOT / "docs/architecture.md").read_text(encoding="utf-8"))
    mine = {name: modules for name, modules in page.items() if name.split("/")[0] == package}
    assert differences(mine, existing(package, SOURCES[package])) == []


def test_the_page_lists_no_other_package():
    page = documented((ROOT / "docs/architecture.md").read_text(encoding="utf-8"))
    assert {name.split("/")[0] for name in page} == set(SOURCES)


def test_an_added_or_removed_module_is_a_difference(tmp_path):
    page = documented("## Rooms\n\n```\nroom/  one\n       two\n    inner/  three\n```\n")
    assert page == {"room": {"one", "two"}, "room/inner": {"three"}}
    (tmp_path / "room/inner").mkdir(parents=True)
    for name in ("__init__.py", "one.py", "two.py", "inner/__init__.py", "inner/three.py"):
        (tmp_path / "room" / name).touch()
    assert differences(page, existing("room", tmp_path)) == []
    (tmp_path / "room/four.py").touch()
    (tmp_path / "room/two.py").unlink()
    assert differences(page, existing("room", tmp_path)) == [
        "missing from the page: room/four",
        "missing from the file system: room/two",
    ]
