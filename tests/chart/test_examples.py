"""Every example renders, and the generated files are those of values.yaml."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from chart.rendering import AGAIN, CHART, EXAMPLES, VARIANTS, installation, names, render, run_helm, template

GENERATOR = CHART.parent / "generate.py"
SCHEMA = json.loads((CHART / "values.schema.json").read_text())


@pytest.mark.parametrize("example", EXAMPLES)
def test_lint_finds_nothing_in_an_example(example: str) -> None:
    values = str(CHART / "examples" / f"{example}.yaml")
    said = run_helm("lint", "--strict", str(CHART), "--kube-version", "1.34.0", "--values", values)
    assert "0 chart(s) failed" in said
    assert "[WARNING]" not in said


@pytest.mark.parametrize("name", [*EXAMPLES, *VARIANTS])
def test_every_object_has_labels_and_a_name_of_this_release(name: str) -> None:
    for item in installation(name):
        metadata = item["metadata"]
        assert "namespace" not in metadata, "helm's namespace decides"
        if metadata["name"] == "release-note":  # of extraObjects
            continue
        assert metadata["labels"]["app.kubernetes.io/instance"] == "release", metadata["name"]
        assert metadata["name"].startswith(("release-voicepipe", "speech")), metadata["name"]


@pytest.mark.parametrize("name", [*EXAMPLES, *VARIANTS])
def test_no_two_objects_have_one_name(name: str) -> None:
    seen = [(item["kind"], item["metadata"]["name"]) for item in installation(name)]
    assert len(seen) == len(set(seen))


def test_two_renderings_of_production_are_identical() -> None:
    assert template("gpu-cluster") == template("gpu-cluster", AGAIN)
    assert template("existing-servers") == template("existing-servers", AGAIN)


def test_the_schema_and_the_table_are_up_to_date() -> None:
    done = subprocess.run([sys.executable, GENERATOR, "--check"], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_everything_set_sets_every_value() -> None:
    given = yaml.safe_load((CHART / "examples" / "everything-set.yaml").read_text())
    missing = [path for path in schema_paths(SCHEMA) if not is_in(given, path)]
    assert missing == []


def test_an_extra_object_is_a_template() -> None:
    assert "release-note" in names(render("everything-set"), "ConfigMap")


def schema_paths(schema: dict[str, Any], prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The values that have a name in the schema, without the keys of maps that users name."""
    if reference := schema.get("$ref"):
        schema = SCHEMA["definitions"][reference.rpartition("/")[2]]
    properties = schema.get("properties")
    if not properties or "requests" in properties:  # resources may leave out either
        yield prefix
        return
    for key, value in properties.items():
        yield from schema_paths(value, (*prefix, key))


def is_in(values: Any, path: tuple[str, ...]) -> bool:
    for key in path:
        if not isinstance(values, dict) or key not in values:
            return False
        values = values[key]
    return True
