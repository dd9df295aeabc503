"""docs/grpc.md has every method of the contract: what REST calls it, and a command that calls it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from voicepipe_api.v1 import admin_pb2, installation_pb2, transcriptions_pb2, uploads_pb2

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/grpc.md").read_text(encoding="utf-8")
METHODS = [
    f"{service.name}.{method.name}"
    for file in (uploads_pb2, transcriptions_pb2, installation_pb2, admin_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]


def rest_in_contract() -> dict[str, list[str]]:
    """The requests that the comment of each method names."""
    found = {}
    for file in (ROOT / "proto/voicepipe/api/v1").glob("*.proto"):
        service, comment = "", ""
        for line in map(str.strip, file.read_text(encoding="utf-8").splitlines()):
            if match := re.match(r"service (\w+)", line):
                service = match[1]
            elif line.startswith("//"):
                comment += line
            else:
                if match := re.match(r"rpc (\w+)", line):
                    found[f"{service}.{match[1]}"] = re.findall(r"(?:GET|HEAD|POST|PATCH|DELETE)(?= )", comment)
                comment = ""
    return found


def test_the_table_has_every_method_once_and_no_other():
    assert re.findall(r"^\| `(\w+\.\w+)` \|", PAGE, re.MULTILINE) == METHODS


@pytest.mark.parametrize("method", METHODS)
def test_the_table_names_the_verb_of_the_contract(method):
    row = re.search(rf"^\| `{re.escape(method)}` \| (.*)$", PAGE, re.MULTILINE)[1]
    assert set(rest_in_contract()[method]) <= set(re.findall(r"[A-Z]{3,}(?= /)", row))


@pytest.mark.parametrize("method", METHODS)
def test_a_command_calls_every_method(method):
    commands = "".join(re.findall(r"^```sh$(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
    assert f"{method.replace('.', '/')}" in commands
