"""Rules and dashboards use only metrics that exist, with labels that they have."""

from __future__ import annotations

import pytest

from .metric_names import (
    TARGET_LABELS,
    Use,
    documented_metrics,
    expressions,
    external_metrics,
    metrics_used,
    uses,
)


def test_the_metrics_and_labels_of_an_expression_are_found():
    expr = 'sum by (a) (rate(x{b="c"}[5m])) / ignoring (d) absent(y) + max by (e) (max_over_time((z or -w)[5m:1m]))'
    assert uses(expr) == [
        Use("x", frozenset("ab")),
        Use("y", frozenset()),
        Use("z", frozenset("e")),
        Use("w", frozenset("e")),
    ]


def test_every_metric_in_rules_and_dashboards_is_documented():
    assert metrics_used() - documented_metrics().keys() - external_metrics() == set()


def test_every_label_in_rules_and_dashboards_is_documented():
    documented = documented_metrics()
    wrong = {
        (use.metric, label)
        for expr in expressions()
        for use in uses(expr)
        if use.metric in documented
        for label in use.labels - documented[use.metric] - TARGET_LABELS
    }
    assert wrong == set()


def test_no_metric_is_listed_as_external_for_nothing():
    assert external_metrics() <= metrics_used()


@pytest.mark.parametrize("metric", sorted(external_metrics()))
def test_an_external_metric_is_not_one_of_ours(metric):
    assert not metric.startswith("voicepipe_")
