"""The committed dashboards are those of the generator, and Grafana can load them."""

from __future__ import annotations

import json
import subprocess
import sys

import promql_parser
import pytest

from .metric_names import DASHBOARDS, ROOT, panel_expression, strings

# `kubectl apply` keeps a copy in an annotation, and all annotations of an object have this much room.
ANNOTATIONS_BYTES = 256 * 1024
each_dashboard = pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)


def panels_of(path):
    return [panel for panel in json.loads(path.read_text())["panels"] if panel["type"] != "row"]


def test_the_dashboards_are_what_the_generator_writes():
    done = subprocess.run(
        [sys.executable, "-m", "deploy.monitoring", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, ""), "run `python -m deploy.monitoring`"


def test_the_four_dashboards_have_fixed_ids():
    uids = [json.loads(path.read_text())["uid"] for path in DASHBOARDS]
    assert sorted(uids) == ["voicepipe-api", "voicepipe-dependencies", "voicepipe-overview", "voicepipe-pools"]


@each_dashboard
def test_a_dashboard_fits_into_a_configmap_that_kubectl_applies(path):
    assert path.stat().st_size < ANNOTATIONS_BYTES


@each_dashboard
def test_the_prometheus_of_a_dashboard_is_chosen_by_whoever_opens_it(path):
    dashboard = json.loads(path.read_text())
    assert dashboard["templating"]["list"][0]["type"] == "datasource"
    for panel in panels_of(path):
        assert panel["datasource"]["uid"] == "${datasource}", panel["title"]
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}, panel["title"]


@each_dashboard
def test_a_panel_explains_itself_and_shows_one_installation(path):
    for panel in panels_of(path):
        assert panel["description"].endswith((".", "`.")), panel["title"]
        for expr in strings(panel, "expr"):
            parsed = promql_parser.parse(panel_expression(expr)).prettify()
            assert 'namespace="$namespace"' in parsed, panel["title"]


@each_dashboard
def test_panels_do_not_overlap(path):
    taken = set()
    for panel in panels_of(path):
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert max(x for x, _ in cells) < 24, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells
