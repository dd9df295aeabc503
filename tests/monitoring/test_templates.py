"""What the chart makes of the rules and dashboards, and which pods its PodMonitor selects."""

from __future__ import annotations

import json
import subprocess

import pytest
import yaml
from chart.rendering import Object, containers, one, pods, render

from .metric_names import DASHBOARDS, RULES

pytestmark = pytest.mark.usefixtures("helm")
ON = {"enabled": True}


def rule_of(**settings: object) -> Object:
    return one(render({"monitoring": {"rules": {**ON, **settings}}}), "PrometheusRule", "voicepipe")


def pod_monitor_of(objects: list[Object]) -> Object:
    return one(objects, "PodMonitor", "voicepipe")


def dashboards_in(objects: list[Object]) -> list[Object]:
    return [item for item in objects if item["kind"] == "ConfigMap" and "-dashboard-" in item["metadata"]["name"]]


def test_nothing_is_made_unless_it_is_enabled():
    objects = render()
    assert not {"PodMonitor", "PrometheusRule"} & {item["kind"] for item in objects}
    assert dashboards_in(objects) == []


def test_the_rule_has_every_alert_for_the_namespace_of_the_release():
    groups = rule_of()["spec"]["groups"]
    assert [group["name"] for group in groups] == [path.stem for path in RULES]
    for group, path in zip(groups, RULES, strict=True):
        text = path.read_text().replace('namespace="voicepipe"', 'namespace="speech"')
        assert group == yaml.safe_load(text)["groups"][0]


def test_runbooks_are_found_below_their_base():
    groups = rule_of(runbookUrl="https://example.org/runbooks/")["spec"]["groups"]
    urls = [rule["annotations"]["runbook_url"] for group in groups for rule in group["rules"]]
    assert urls == [f"https://example.org/runbooks/{path.stem}.md" for path in RULES]


@pytest.mark.servers  # promtool may have to be downloaded
def test_prometheus_accepts_the_rendered_rule(promtool, tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump(rule_of()["spec"]))
    done = subprocess.run([promtool, "check", "rules", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_dashboard_arrives_unchanged_in_a_configmap_of_its_own():
    settings = {**ON, "annotations": {"grafana_folder": "Voicepipe"}}
    maps = dashboards_in(render({"monitoring": {"dashboards": settings}}))
    found = {name: json.loads(text) for item in maps for name, text in item["data"].items()}
    assert found == {path.name: json.loads(path.read_text()) for path in DASHBOARDS}
    assert len(maps) == len(DASHBOARDS)
    for item in maps:
        assert item["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert item["metadata"]["annotations"] == {"grafana_folder": "Voicepipe"}


def test_the_operators_of_prometheus_find_their_labels():
    labels = {"release": "p"}
    objects = render({"monitoring": {"podMonitor": {**ON, "labels": labels, "interval": "15s"}}})
    for item in (pod_monitor_of(objects), rule_of(labels=labels)):
        assert item["metadata"]["labels"]["release"] == "p"
    endpoints = pod_monitor_of(objects)["spec"]["podMetricsEndpoints"]
    assert [(endpoint["port"], endpoint["interval"]) for endpoint in endpoints] == [
        ("http", "15s"),
        ("triton-metrics", "15s"),
    ]


def test_prometheus_finds_the_metrics_of_every_component_and_of_nothing_else():
    objects = render({"monitoring": {"podMonitor": ON}, "autoscaler": {"enabled": True}})
    selector = pod_monitor_of(objects)["spec"]["selector"]
    (components,) = selector["matchExpressions"]
    found = {}
    for _, pod in pods(objects):
        labels = pod["metadata"]["labels"]
        component = labels[components["key"]]
        if selector["matchLabels"].items() <= labels.items() and component in components["values"]:
            ports = {port["name"] for container in containers(pod) for port in container.get("ports", [])}
            found[component, labels.get("voicepipe.io/pool")] = ports
    assert {component for component, _ in found} == set(components["values"])
    for (component, pool), ports in found.items():
        assert "http" in ports, component
        assert ("triton-metrics" in ports) == (component == "transcribe") == (pool is not None), component
