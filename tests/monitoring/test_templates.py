"""What the chart makes of the rules and dashboards: in a chart that has nothing else, and beside its pods."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from .metric_names import CHART, DASHBOARDS, RULES

pytestmark = pytest.mark.servers  # helm may have to be unpacked
ALL = ("podMonitor.enabled=true", "rules.enabled=true", "dashboards.enabled=true")


@pytest.fixture
def render(helm, tmp_path):
    """Renders the templates of monitoring with the values of the chart and `--set monitoring.*`."""
    for part in ("files", "templates/monitoring"):
        shutil.copytree(CHART / part, tmp_path / "chart" / part)
    for part in ("Chart.yaml", "values.yaml"):
        shutil.copy(CHART / part, tmp_path / "chart" / part)
    for helpers in (CHART / "templates").glob("_*.tpl"):
        shutil.copy(helpers, tmp_path / "chart/templates")

    return lambda *settings: template(helm, tmp_path / "chart", *settings)


def template(helm: str, chart: Path, *settings: str, values: Path = CHART / "values.yaml") -> list[dict]:
    options = [word for setting in settings for word in ("--set", f"monitoring.{setting}")]
    done = subprocess.run(
        [
            helm,
            "template",
            "speech",
            chart,
            "--namespace=team-a",
            "--kube-version=1.29.0",
            "--values",
            values,
            *options,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def only(documents: list[dict], kind: str) -> dict:
    (found,) = [document for document in documents if document["kind"] == kind]
    return found


def test_nothing_is_made_unless_it_is_asked_for(render):
    assert render() == []


def test_the_rule_has_every_alert_for_the_namespace_of_the_release(render):
    spec = only(render("rules.enabled=true"), "PrometheusRule")["spec"]
    assert [group["name"] for group in spec["groups"]] == [path.stem for path in RULES]
    for group, path in zip(spec["groups"], RULES, strict=True):
        text = path.read_text().replace('namespace="voicepipe"', 'namespace="team-a"')
        assert group == yaml.safe_load(text)["groups"][0]


def test_runbooks_are_found_below_their_base(render):
    spec = only(render("rules.enabled=true", "rules.runbookUrl=https://example.org/runbooks/"), "PrometheusRule")[
        "spec"
    ]
    urls = [rule["annotations"]["runbook_url"] for group in spec["groups"] for rule in group["rules"]]
    assert urls == [f"https://example.org/runbooks/{path.stem}.md" for path in RULES]


def test_prometheus_accepts_the_rendered_rule(render, promtool, tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump(only(render("rules.enabled=true"), "PrometheusRule")["spec"]))
    done = subprocess.run([promtool, "check", "rules", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_dashboard_arrives_unchanged_in_a_configmap_of_its_own(render):
    documents = render("dashboards.enabled=true", "dashboards.annotations.grafana_folder=Voicepipe")
    assert {document["kind"] for document in documents} == {"ConfigMap"}
    found = {name: json.loads(text) for document in documents for name, text in document["data"].items()}
    assert found == {path.name: json.loads(path.read_text()) for path in DASHBOARDS}
    assert len(documents) == len(DASHBOARDS)
    for document in documents:
        assert document["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert document["metadata"]["annotations"] == {"grafana_folder": "Voicepipe"}


def test_the_operators_of_prometheus_find_their_labels(render):
    documents = render(*ALL, "podMonitor.labels.release=p", "rules.labels.release=p", "podMonitor.interval=15s")
    for kind in ("PodMonitor", "PrometheusRule"):
        assert only(documents, kind)["metadata"]["labels"]["release"] == "p"
    endpoints = only(documents, "PodMonitor")["spec"]["podMetricsEndpoints"]
    assert [(endpoint["port"], endpoint["interval"]) for endpoint in endpoints] == [
        ("http", "15s"),
        ("triton-metrics", "15s"),
    ]


def test_prometheus_finds_the_metrics_of_every_component_and_of_nothing_else(helm):
    documents = template(helm, CHART, "podMonitor.enabled=true", values=CHART / "examples/laptop.yaml")
    spec = only(documents, "PodMonitor")["spec"]
    (components,) = spec["selector"]["matchExpressions"]
    found = {}
    for document in documents:
        pod = document.get("spec", {}).get("template")
        labels = pod["metadata"]["labels"] if pod else {}
        if (
            spec["selector"]["matchLabels"].items() <= labels.items()
            and labels[components["key"]] in components["values"]
        ):
            containers = pod["spec"]["containers"] + pod["spec"].get("initContainers", [])
            ports = {port["name"] for container in containers for port in container.get("ports", [])}
            found[labels[components["key"]], labels.get("voicepipe.io/pool")] = ports
    assert {component for component, _ in found} == set(components["values"])
    for (component, pool), ports in found.items():
        assert "http" in ports, component
        assert ("triton-metrics" in ports) == (component == "transcribe") == (pool is not None), component
