"""The PromQL that several panels share."""

from __future__ import annotations

# A dashboard shows one installation.
NAMESPACE = 'namespace="$namespace"'


def rate(metric: str, *by: str, where: str = "") -> str:
    """Per second, summed over the pods."""
    grouping = f" by ({', '.join(by)})" if by else ""
    return f"sum{grouping} (rate({selected(metric, where)}[$__rate_interval]))"


def selected(metric: str, where: str = "") -> str:
    matchers = f"{NAMESPACE}, {where}" if where else NAMESPACE
    return f"{metric}{{{matchers}}}"


def whole(gauge: str, *by: str, where: str = "") -> str:
    """A gauge of the whole installation, which every controller exports."""
    grouping = f" by ({', '.join(by)})" if by else ""
    return f"max{grouping} ({selected(gauge, where)})"


def backlog(*by: str, where: str = "") -> str:
    return f"sum by ({', '.join(by)}) ({whole('voicepipe_backlog', 'stage', 'priority', 'pool', where=where)})"


def quantile(share: float, histogram: str, *by: str, where: str = "") -> str:
    return f"histogram_quantile({share}, {rate(f'{histogram}_bucket', 'le', *by, where=where)})"


def mean(histogram: str, *by: str, where: str = "") -> str:
    return f"{rate(f'{histogram}_sum', *by, where=where)} / {rate(f'{histogram}_count', *by, where=where)}"
