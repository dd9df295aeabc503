"""Which metrics the rules and dashboards of the chart use, and which of them are documented."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import promql_parser
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/helm/voicepipe"
RULES = sorted((CHART / "files/rules").glob("*.yaml"))
DASHBOARDS = sorted((CHART / "files/dashboards").glob("*.json"))
# A row of docs/metrics.md: name, type, labels with their values.
ROW = re.compile(r"^\| `(?P<name>\w+)` \| (?P<type>\w+) \| (?P<labels>[^|]*)\|", re.MULTILINE)
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "gauge": ("",), "counter": ("",)}
# Set by the PodMonitor and by Prometheus, and `le` of a histogram.
TARGET_LABELS = frozenset({"namespace", "pod", "container", "endpoint", "component", "pool", "job", "instance", "le"})


class Use(NamedTuple):
    """A metric in an expression, and the labels that the expression expects it to have."""

    metric: str
    labels: frozenset[str]


def metrics_used() -> set[str]:
    """The names in rules and dashboards; of a histogram the one with its suffix."""
    return {use.metric for expr in expressions() for use in uses(expr)}


def external_metrics() -> set[str]:
    """The names that somebody else exports: Prometheus, Kubernetes, Triton."""
    lines = (ROOT / "deploy/monitoring/external_metrics.txt").read_text().splitlines()
    return {line.split()[0] for line in lines if line and not line.startswith("#")}


def documented_metrics() -> dict[str, frozenset[str]]:
    """The labels of each series in docs/metrics.md."""
    return {
        row["name"] + suffix: frozenset(re.findall(r"`(\w+)`", row["labels"]))
        for row in ROW.finditer((ROOT / "docs/metrics.md").read_text())
        for suffix in SUFFIXES[row["type"]]
    }


def expressions() -> Iterator[str]:
    for rule in RULES:
        yield from strings(yaml.safe_load(rule.read_text()), "expr")
    for path in DASHBOARDS:
        dashboard = json.loads(path.read_text())
        yield from (panel_expression(expr) for expr in strings(dashboard, "expr"))
        for query in strings(dashboard["templating"], "query"):
            if values := re.fullmatch(r"label_values\((.*), \w+\)", query):
                yield values[1]


def panel_expression(expr: str) -> str:
    """An expression of a panel, as Grafana would send it to Prometheus."""
    return expr.replace("$__rate_interval", "5m")


def strings(document: Any, key: str) -> Iterator[str]:
    """Every string under `key`, at any depth."""
    if isinstance(document, dict):
        for name, value in document.items():
            if name == key and isinstance(value, str):
                yield value
            else:
                yield from strings(value, key)
    elif isinstance(document, list):
        for value in document:
            yield from strings(value, key)


def uses(expr: str) -> list[Use]:
    return list(_uses(promql_parser.parse(expr), frozenset()))


def _uses(expr: Any, grouped_by: frozenset[str]) -> Iterator[Use]:
    """`grouped_by` are the labels of the aggregations around `expr`."""
    match expr:
        case promql_parser.VectorSelector():
            yield Use(expr.name, grouped_by | {matcher.name for matcher in expr.matchers.matchers})
        case promql_parser.MatrixSelector():
            yield from _uses(expr.vector_selector, grouped_by)
        case promql_parser.AggregateExpr():
            labels = frozenset(expr.modifier.labels) if expr.modifier else frozenset()
            yield from _uses(expr.expr, grouped_by | labels)
        case promql_parser.BinaryExpr():
            yield from _uses(expr.lhs, grouped_by)
            yield from _uses(expr.rhs, grouped_by)
        case promql_parser.Call():
            for argument in expr.args:
                yield from _uses(argument, grouped_by)
        case promql_parser.ParenExpr() | promql_parser.SubqueryExpr() | promql_parser.UnaryExpr():
            yield from _uses(expr.expr, grouped_by)
        case promql_parser.NumberLiteral() | promql_parser.StringLiteral():
            pass
        case _:
            raise TypeError(type(expr))
