#!/usr/bin/env python3
"""Write values.schema.json and the table of README.md from the comments of values.yaml: `generate.py [--check]`.

values.yaml is the only source. A key is described by the comment above it:

    # -- One sentence or more, on one line, for the table and the schema.
    # @type NAME      a type of TYPES below, where the default does not show it
    # @enum A | B     the allowed values
    # @min N          the smallest value

Without `@type`, a scalar has the type of its default, and a map has exactly the keys that it has in values.yaml.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parent / "voicepipe"
VALUES, SCHEMA, README = CHART / "values.yaml", CHART / "values.schema.json", CHART / "README.md"
BEGIN, END = "<!-- values: written by ../generate.py -->", "<!-- end of values -->"

Schema = dict[str, Any]

_ANY_LIST: Schema = {"type": "array", "items": {"type": "object"}}
_TEXTS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
_QUANTITY: Schema = {"type": ["string", "integer"], "pattern": r"^[0-9]+(\.[0-9]+)?(m|k|[EPTGM]i?|Ki)?$"}
_QUANTITIES: Schema = {"type": "object", "additionalProperties": _QUANTITY}
_PORT: Schema = {"type": "integer", "minimum": 1, "maximum": 65535}

TYPES: dict[str, Schema] = {
    "text": {"type": "string", "minLength": 1},
    "httpUrl": {"type": "string", "pattern": r"^(https?://[^\s]+)?$"},
    "grpcTarget": {"type": "string", "pattern": r"^((dns:///)?[^\s/]+:[0-9]+)?$"},
    "model": {"type": "string", "pattern": r"^[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*(@[\w.-]+)?)?$"},
    "quantity": _QUANTITY,
    "port": _PORT,
    "ports": {"type": "array", "items": _PORT},
    # Leaves at least 10 seconds for work: up to 5 pass before a process stops accepting it, and the last 5 are for handing it back.
    "gracePeriod": {"type": "integer", "minimum": 20},
    "labels": _TEXTS,
    "hosts": {"type": "array", "items": {"type": "string", "minLength": 1}},
    "origins": {"type": "array", "items": {"type": "string", "pattern": r"^(\*|null|https?://[^\s/,]+)$"}},
    "object": {"type": "object"},
    "objects": _ANY_LIST,
    "peers": {
        "type": "array",
        "items": {
            "type": "object",
            "additionalProperties": False,
            "minProperties": 1,
            "properties": {
                "ipBlock": {"type": "object", "required": ["cidr"]},
                "namespaceSelector": {"type": "object"},
                "podSelector": {"type": "object"},
            },
        },
    },
    "env": {
        "type": "array",
        "items": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name"],
            "properties": {
                "name": {"type": "string", "minLength": 1},
                "value": {"type": "string"},
                "valueFrom": {"type": "object"},
            },
        },
    },
    "resources": {
        "type": "object",
        "additionalProperties": False,
        "properties": {"requests": _QUANTITIES, "limits": _QUANTITIES},
    },
    "accessModes": {
        "type": "array",
        "minItems": 1,
        "items": {"enum": ["ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod", "ReadOnlyMany"]},
    },
    "measures": {"type": "array", "items": {"enum": ["no_new_privs", "seccomp", "landlock"]}},
    "image": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "repository": {"type": "string"},
            "tag": {"type": "string", "pattern": r"^([\w][\w.-]*)?(@sha256:[0-9a-f]{64})?$"},
            "pullPolicy": {"enum": ["IfNotPresent", "Always", "Never"]},
        },
    },
}
# Types that have the keys of another place in values.yaml.
SAME_AS = {"pod": "podDefaults", "pool": "pools.accurate", "scaling": "prepare.scaling"}


@dataclass
class Value:
    path: str
    default: Any
    description: str = ""
    type: str = ""
    enum: list[str] = field(default_factory=list)
    min: int | None = None
    children: list[Value] = field(default_factory=list)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if a file is out of date")
    check = parser.parse_args().check
    values = read(VALUES.read_text("utf-8"))
    written = {
        SCHEMA: json.dumps(schema_of(values), indent=2) + "\n",
        README: with_table(README.read_text("utf-8"), table_of(values)),
    }
    stale = [path for path, text in written.items() if not path.exists() or path.read_text("utf-8") != text]
    for path in stale:
        sys.stdout.write(f"{path.name} {'is out of date: run generate.py' if check else 'was written'}\n")
        if not check:
            path.write_text(written[path], "utf-8")
    return 1 if check and stale else 0


def read(text: str) -> Value:
    """The tree of the values, with their comments."""
    root = yaml.compose(text)
    if not isinstance(root, yaml.MappingNode):
        raise TypeError("values.yaml is not a map")
    return Value("", None, children=list(_children(root, "", text.splitlines())))


def _children(node: yaml.MappingNode, prefix: str, lines: list[str]) -> Iterator[Value]:
    for key, content in node.value:
        path = f"{prefix}.{key.value}" if prefix else key.value
        value = Value(path, yaml.safe_load(yaml.serialize(content)))
        _describe(value, _comment_above(key.start_mark.line, lines))
        if isinstance(content, yaml.MappingNode) and content.value and not value.type:
            value.children = list(_children(content, path, lines))
        elif not value.description:
            raise ValueError(f"{path} has no description: write `# -- ...` above it")
        yield value


def _comment_above(line: int, lines: list[str]) -> list[str]:
    first = line
    while first > 0 and lines[first - 1].lstrip().startswith("# "):
        first -= 1
    return [text.strip().removeprefix("# ") for text in lines[first:line]]


def _describe(value: Value, comment: list[str]) -> None:
    for line in comment:
        if line.startswith("-- "):
            value.description = line.removeprefix("-- ")
        elif found := re.fullmatch(r"@(type|enum|min) (.+)", line):
            match found.groups():
                case ("type", name):
                    value.type = name
                case ("enum", names):
                    value.enum = [name.strip().strip('"') for name in names.split("|")]
                case (_, smallest):
                    value.min = int(smallest)
        elif line.startswith("@"):
            raise ValueError(f"{value.path}: unknown comment {line!r}")


def schema_of(values: Value) -> Schema:
    same = {name: _schema(_find(values, path)) for name, path in SAME_AS.items()}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the Voicepipe chart",
        **_schema(values),
        "definitions": TYPES | same,
    }


def _find(values: Value, path: str) -> Value:
    for value in _all(values):
        if value.path == path:
            return value
    raise KeyError(path)


def _all(value: Value) -> Iterator[Value]:
    for child in value.children:
        yield child
        yield from _all(child)


def _schema(value: Value) -> Schema:
    if value.children:
        properties = {child.path.rpartition(".")[2]: _schema(child) for child in value.children}
        return {"type": "object", "additionalProperties": False, "properties": properties}
    if value.type:
        return {"description": value.description, "$ref": f"#/definitions/{value.type}"}
    schema: Schema = {"description": value.description, **_type_of(value)}
    if value.enum:
        schema["enum"] = value.enum
    if value.min is not None:
        schema["minimum"] = value.min
    return schema


def _type_of(value: Value) -> Schema:
    match value.default:
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": "integer"}
        case str():
            return {"type": "string"}
    raise ValueError(f"{value.path}: the default does not show the type: write `# @type NAME` above it")


def table_of(values: Value) -> str:
    rows = ["| value | default | |", "|---|---|---|"]
    for value in _all(values):
        if not value.children:
            allowed = f" One of {', '.join(f'`{name}`' for name in value.enum if name)}." if value.enum else ""
            rows.append(f"| `{value.path}` | `{_shown(value.default)}` | {value.description}{allowed} |")
    return "\n".join(rows)


def _shown(default: object) -> str:
    shown: str = yaml.safe_dump(default, default_flow_style=True, sort_keys=False, width=10_000)
    return shown.removesuffix("...\n").strip()


def with_table(readme: str, table: str) -> str:
    before, _, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"README.md has no lines {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


if __name__ == "__main__":
    sys.exit(main())
