"""Only adapters and `failures` name the errors of servers and their clients: everybody else asks `classify`."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for folder in ("libs/wire/src", "services")
    for path in (ROOT / folder).rglob("*.py")
    if "tests" not in path.parts and "__pycache__" not in path.parts
)
# Errors that say that something is away. Answers, such as NotFoundError, may be named anywhere.
OUTAGES = {
    "ConnectionError",
    "ConnectionRefusedError",
    "ConnectionResetError",
    "HTTPError",
    "InferenceServerException",
    "InterfaceError",
    "InternalClientError",
    "MinioException",
    "NatsError",
    "NoServersError",
    "PostgresConnectionError",
    "PostgresError",
    "RpcError",
    "TransportError",
}
ADAPTERS = {
    "libs/wire/src/voicepipe_wire/failures",
    "libs/wire/src/voicepipe_wire/messaging/broker.py",
    "libs/wire/src/voicepipe_wire/storage",
    "services/orchestrator/src/voicepipe_orchestrator/transcribe/triton_recognizer.py",
    # Talks to the API of Kubernetes, for which nothing waits in a queue.
    "services/autoscaler/src/voicepipe_autoscaler/operator",
}


def caught(tree: ast.AST) -> set[str]:
    """The names of all exceptions in `except` clauses and `suppress`."""
    found = [node.type for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.type]
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    found += [argument for call in calls if getattr(call.func, "id", "") == "suppress" for argument in call.args]
    names = [name for expression in found for name in ast.walk(expression)]
    return {getattr(name, "attr", getattr(name, "id", "")) for name in names} - {""}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_adapters_name_the_errors_of_servers(path: Path) -> None:
    relative = str(path.relative_to(ROOT))
    if any(relative == adapter or relative.startswith(f"{adapter}/") for adapter in ADAPTERS):
        return
    assert not caught(ast.parse(path.read_text())) & OUTAGES


def test_adapters_exist_and_name_them() -> None:
    """Otherwise the test above would allow what nobody does."""
    for adapter in ADAPTERS:
        files = [ROOT / adapter] if adapter.endswith(".py") else sorted((ROOT / adapter).rglob("*.py"))
        text = "".join(path.read_text() for path in files)
        assert any(name in text for name in OUTAGES), adapter
