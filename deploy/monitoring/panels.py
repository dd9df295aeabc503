"""The kinds of panel that the dashboards consist of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
    VariableOption,
    VariableRefresh,
    VariableSort,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

# Whoever opens a dashboard chooses its Prometheus.
DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")

# Panels are placed in a grid of 24 columns.
HALF, THIRD, SIXTH = 12, 8, 4
HEIGHT, LOW = 8, 4

AnyPanel: TypeAlias = stat.Panel | statetimeline.Panel | table.Panel | timeseries.Panel
PanelBuilder = TypeVar("PanelBuilder", bound=AnyPanel)


@dataclass(frozen=True, slots=True)
class Query:
    expr: str
    legend: str = "__auto"

    def built(self, ref: str, *, instant: bool = False) -> prometheus.Dataquery:
        query = prometheus.Dataquery().expr(self.expr).legend_format(self.legend).ref_id(ref).datasource(DATASOURCE)
        return query.instant() if instant else query.range()


def graph(
    title: str, description: str, unit: str, *queries: Query, stacked: bool = False, width: int = HALF
) -> timeseries.Panel:
    """Values over time."""
    panel = timeseries.Panel().unit(unit).min(0).height(HEIGHT).span(width).show_points(VisibilityMode.NEVER)
    panel.tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI)).fill_opacity(30 if stacked else 5)
    if stacked:
        panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
    return _filled(panel, title, description, queries)


def number(title: str, description: str, unit: str, query: Query, red_from: float | None = None) -> stat.Panel:
    """The current value; red at a limit and above."""
    panel = stat.Panel().unit(unit).height(LOW).span(SIXTH).graph_mode(BigValueGraphMode.AREA)
    panel.color_mode(BigValueColorMode.VALUE).no_value("no data")
    steps = [Threshold(color="green", value=None)]
    if red_from is not None:
        steps.append(Threshold(color="red", value=red_from))
    panel.thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
    return _filled(panel, title, description, [query])


def up_and_down(
    title: str, description: str, query: Query, *, good: str = "up", bad: str = "down"
) -> statetimeline.Panel:
    """When series were 1 and when 0."""
    panel = statetimeline.Panel().height(HEIGHT).span(HALF).show_value(VisibilityMode.NEVER).row_height(0.8)
    mapping = {
        "1": ValueMappingResult(text=good, color="green", index=0),
        "0": ValueMappingResult(text=bad, color="red", index=1),
    }
    return _filled(panel.mappings([ValueMap(options=mapping)]), title, description, [query])


def firing(title: str, description: str) -> table.Panel:
    """The alerts of Voicepipe that fire now."""
    query = Query('ALERTS{namespace="$namespace", alertname=~"Voicepipe.+", alertstate="firing"}')
    columns = ["alertname", "severity", "stage", "pool", "state", "component", "dependency", "task", "measure"]
    panel = table.Panel().height(HEIGHT).span(HALF).no_value("No alert fires.")
    panel.with_transformation(
        DataTransformerConfig(id_val="filterFieldsByName", options={"include": {"names": columns}})
    )
    panel.title(title).description(description).datasource(DATASOURCE)
    return panel.with_target(query.built("A", instant=True).format(PromQueryFormat.TABLE))


def board(uid: str, title: str, description: str, *variables: dashboard.QueryVariable) -> dashboard.Dashboard:
    """An empty dashboard with its variables, linked to the others."""
    built = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["voicepipe"])
        .time("now-6h", "now")
        .refresh("30s")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("Voicepipe")
            .type(DashboardLinkType.DASHBOARDS)
            .tags(["voicepipe"])
            .as_dropdown(True)
            .include_vars(True)
            .keep_time(True)
        )
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .with_variable(variable("namespace", "label_values(voicepipe_jobs, namespace)"))
    )
    for each in variables:
        built.with_variable(each)
    return built


def add_row(built: dashboard.Dashboard, title: str, *panels: AnyPanel) -> None:
    built.with_row(dashboard.Row(title))
    for panel in panels:
        built.with_panel(panel)


def variable(name: str, query: str, *, several: bool = False) -> dashboard.QueryVariable:
    """A variable whose values come from Prometheus. With `several`, all of them are selected by default."""
    built = dashboard.QueryVariable(name).label(name).datasource(DATASOURCE).query(query)
    built.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).sort(VariableSort.ALPHABETICAL_ASC)
    if several:
        built.multi(True).include_all(True).all_value(".*").current(VariableOption(text="All", value="$__all"))
    return built


def _filled(panel: PanelBuilder, title: str, description: str, queries: Sequence[Query]) -> PanelBuilder:
    panel.title(title).description(description).datasource(DATASOURCE)
    for ref, query in zip("ABCDEFGH", queries, strict=False):
        panel.with_target(query.built(ref))
    return panel
