"""Tests share code through helper modules, whose plain names are unique; no test module imports another one."""

from __future__ import annotations

import ast
import tomllib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = [
    ROOT / name
    for name in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["pythonpath"]
]
TESTS = [
    file
    for pattern in (
        "tests",
        "cli/tests",
        "deploy/local/tests",
        "libs/*/tests",
        "m*/tests",
        "services/*/tests",
        "triton-models/tests",
    )
    for folder in ROOT.glob(pattern)
    for file in folder.rglob("*.py")
]


def imported(file: Path) -> set[str]:
    """The last names of the modules that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.rpartition(".")[2] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").rpartition(".")[2])
    return names


def changes_sys_path(file: Path) -> bool:
    nodes = ast.walk(ast.parse(file.read_text()))
    return any(isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.path" for node in nodes)


def test_no_test_module_imports_another_one():
    wrong = {
        str(file.relative_to(ROOT)): names
        for file in TESTS
        if (names := {n for n in imported(file) if n.startswith("test_")})
    }
    assert wrong == {}


def test_no_test_module_changes_the_path_of_imports():
    assert [str(file.relative_to(ROOT)) for file in TESTS if changes_sys_path(file)] == []


def test_helper_modules_have_unique_names():
    helpers = [
        file.stem
        for folder in FOLDERS
        for file in folder.glob("*.py")
        if not file.stem.startswith(("test_", "conftest", "__"))
    ]
    packages = [file.parent.name for folder in FOLDERS for file in folder.glob("*/__init__.py")]
    assert [name for name, count in Counter(helpers + packages).items() if count > 1] == []
