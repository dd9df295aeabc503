"""The codes that are raised are the codes of the catalogue, and the documentation matches it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from voicepipe_wire.error_catalogue import ERRORS, JOBS, REQUESTS, WARNINGS
from voicepipe_wire.error_catalogue.__main__ import as_markdown
from voicepipe_wire.errors import Problem, Reject

ROOT = Path(__file__).resolve().parents[3]
CATALOGUE = "error_catalogue"
SOURCES = [
    path
    for folder in ("libs", "services", "triton-models")
    for path in (ROOT / folder).rglob("*.py")
    if "tests" not in path.parts and path.parent.name not in {CATALOGUE, "v1"}
]


def calls(names: set[str]) -> Iterator[tuple[str, str]]:
    """(file, last string argument) of every call of a function in `names`, such as `Reject.of("code")`."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
                texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
                if name in names and texts:
                    yield str(path.relative_to(ROOT)), texts[-1]


def strings_in_sources() -> set[str]:
    """Every string literal of the sources: a code may reach its error through a table or a variable."""
    return {
        node.value
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_every_error_that_is_raised_is_in_the_catalogue():
    raised = {(file, code) for file, code in calls({"of"}) if re.fullmatch(r"[a-z]+(_[a-z]+)*", code)}
    assert len(raised) > 40
    assert {(file, code) for file, code in raised if code not in ERRORS} == set()


def test_every_warning_that_is_added_is_in_the_catalogue():
    added = set(calls({"warn", "skip_diarization"}))
    assert len(added) >= 6
    assert {(file, code) for file, code in added if code not in WARNINGS} == set()


def test_every_code_of_the_catalogue_is_used():
    assert {*ERRORS, *WARNINGS} - strings_in_sources() == set()


@pytest.mark.parametrize("code", [*ERRORS, *WARNINGS])
def test_the_example_of_an_entry_fills_in_complete_sentences(code):
    entry = ERRORS.get(code) or WARNINGS[code]
    detail = entry.example_detail
    assert "{" not in detail
    assert detail[0].isupper()
    assert detail.endswith(".")
    assert (entry.status is None) == (entry.grpc is None)


def test_a_problem_has_the_status_and_text_of_the_catalogue():
    problem = Problem.of("too_large", limit="5 GiB", retry_after_s=3)
    assert (problem.status, problem.code, problem.headers) == (413, "too_large", {"Retry-After": "3"})
    assert problem.detail == ERRORS["too_large"].detail(limit="5 GiB")


@pytest.mark.parametrize("raised", [lambda: Problem.of("no_such_code"), lambda: Problem.of("too_short", min_audio_s=1)])
def test_a_problem_with_an_unknown_code_or_without_status_raises(raised):
    with pytest.raises(KeyError):
        raised()


def test_a_missing_field_raises():
    with pytest.raises(KeyError):
        Reject.of("language_not_known", language="Spanish")


def test_every_code_is_in_one_table():
    assert not set(REQUESTS) & set(JOBS)
    assert not set(ERRORS) & set(WARNINGS)


def test_the_documentation_matches_the_catalogue():
    assert (ROOT / "docs/errors.md").read_text(encoding="utf-8") == as_markdown(), (
        "regenerate it: python -m voicepipe_wire.error_catalogue > docs/errors.md"
    )
