"""Every alert has a runbook, and the commands in runbooks exist."""

from __future__ import annotations

import re

import pytest
import typer
import yaml
from voicepipe.__main__ import app

from .metric_names import CHART, ROOT, RULES

FOLDER = ROOT / "docs/runbooks"
PAGES = sorted(FOLDER.glob("*.md"))
COMPONENTS = {path.name for path in (CHART / "templates").iterdir() if path.is_dir()}
SECTIONS = ["Meaning", "Check", "Repair", "Escalate"]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def code_of(text: str) -> str:
    """The fenced and inline code of a page."""
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL))


def test_every_alert_has_a_runbook_and_every_runbook_an_alert():
    assert {page.stem for page in PAGES} - {"README"} == {path.stem for path in RULES}


def test_the_list_of_runbooks_is_complete():
    listed = re.findall(r"\]\((\w+)\.md\)", (FOLDER / "README.md").read_text())
    assert sorted(listed) == sorted(path.stem for path in RULES)


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_a_runbook_has_the_same_sections_as_the_others(path):
    text = (FOLDER / f"{path.stem}.md").read_text()
    assert text.startswith(f"# {path.stem}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS


@each_page
def test_the_voicepipe_commands_in_a_runbook_exist(page):
    commands = typer.main.get_command(app).commands
    for words in re.findall(r"(?<![\w./-])voicepipe((?: [a-z][a-z-]*)+)", code_of(page.read_text())):
        name, *rest = words.split()
        assert name in commands, f"voicepipe {name}"
        if rest and hasattr(commands[name], "commands"):
            assert rest[0] in commands[name].commands, f"voicepipe{words}"


@each_page
def test_the_components_in_a_runbook_exist(page):
    text = page.read_text()
    named = set(re.findall(r"app\.kubernetes\.io/component=([a-z-]+)", text))
    for names in re.findall(r"app\.kubernetes\.io/component in \(([^)]+)\)", text):
        named |= set(names.split(", "))
    assert named <= COMPONENTS


@each_page
def test_the_values_in_a_runbook_exist(page):
    for path in re.findall(r"`([\w.]+)`\s+in\s+the\s+values", page.read_text()):
        value = yaml.safe_load((CHART / "values.yaml").read_text())
        for key in path.split("."):
            assert key in value, path
            value = value[key]
