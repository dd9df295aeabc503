"""Writes the Grafana dashboards of the chart: `python -m deploy.monitoring [--check]`, in the root of the repository."""
