"""Every alert fires when it should and only then, and says what to do."""

from __future__ import annotations

import subprocess
from pathlib import Path

import promql_parser
import pytest
import yaml

from .metric_names import ROOT, RULES, strings

RULE_TESTS = ROOT / "deploy/monitoring/rule_tests"
RUNBOOKS = ROOT / "docs/runbooks"
each_alert = pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)


def alert_in(path: Path) -> dict:
    (group,) = yaml.safe_load(path.read_text())["groups"]
    (rule,) = group["rules"]
    assert rule["alert"] == group["name"] == path.stem
    return rule


def run(promtool: str, what: str, *files: Path) -> subprocess.CompletedProcess:
    return subprocess.run([promtool, *what.split(), *files], capture_output=True, text=True, check=False)


@each_alert
def test_an_alert_says_what_is_wrong_how_bad_it_is_and_where_its_runbook_is(path):
    alert = alert_in(path)
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
    assert alert["annotations"]["runbook_url"] == f"docs/runbooks/{path.stem}.md"
    assert alert["labels"].keys() == {"severity"}
    assert alert["labels"]["severity"] in {"critical", "warning"}


@each_alert
def test_an_alert_looks_only_at_its_own_installation(path):
    """The chart replaces this namespace by that of the release; a selector without it would see the whole cluster."""
    selectors = []

    def collect(expr):
        if isinstance(expr, promql_parser.VectorSelector):
            selectors.append({matcher.name: matcher.value for matcher in expr.matchers.matchers})

    for expr in strings(alert_in(path), "expr"):
        promql_parser.walk(promql_parser.parse(expr), collect)
    assert selectors
    assert [selector for selector in selectors if selector.get("namespace") != "voicepipe"] == []


def test_every_alert_has_its_tests():
    assert [path.name for path in sorted(RULE_TESTS.glob("*"))] == [path.name for path in RULES]


@each_alert
def test_every_alert_is_tested_firing_not_firing_and_without_its_series(path):
    cases = yaml.safe_load((RULE_TESTS / path.name).read_text())["tests"]
    fires = [any(check["exp_alerts"] for check in case["alert_rule_test"]) for case in cases]
    series = [bool(case["input_series"]) for case in cases]
    outcomes = set(zip(series, fires, strict=True))
    assert (True, True) in outcomes, "no case fires"
    assert (True, False) in outcomes, "no case does not fire"
    assert False in series, "no case without any series"


@pytest.mark.servers  # promtool may have to be downloaded
@each_alert
def test_prometheus_accepts_an_alert(promtool, path):
    done = run(promtool, "check rules --lint=all --lint-fatal", path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.servers
@each_alert
def test_an_alert_passes_its_tests(promtool, path):
    done = run(promtool, "test rules", RULE_TESTS / path.name)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.servers
@pytest.mark.parametrize("expr", ["vector(1) > 2", 'label_replace(vector(1), "namespace", "voicepipe", "", "")'])
@each_alert
def test_an_alert_that_never_or_always_fires_fails_its_tests(promtool, path, expr, tmp_path):
    rules = yaml.safe_load(path.read_text())
    rules["groups"][0]["rules"][0]["expr"] = expr
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))
    tests = yaml.safe_load((RULE_TESTS / path.name).read_text())
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(tests | {"rule_files": ["rules.yaml"]}))
    assert run(promtool, "test rules", tmp_path / "tests.yaml").returncode == 1
