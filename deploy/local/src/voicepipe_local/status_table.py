"""The output of `ps` and `up`, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_COLOURS = {
    "up": "green",
    "starting": "yellow",
    "restarting": "red",
    "stopping": "yellow",
    "stopped": "dim",
    "waiting": "dim",
}


def table(answer: Mapping[str, Any], console: Console) -> None:
    """Print every component with its state, health, version, address, pid, restarts and memory."""
    rows = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("component", "state", "health", "version", "address", "pid"):
        rows.add_column(title, overflow="fold" if title == "health" else "ellipsis", no_wrap=title != "health")
    for title in ("restarts", "memory"):
        rows.add_column(title, justify="right", no_wrap=True)
    for component in answer["components"]:
        rows.add_row(
            component["name"],
            Text(component["state"], style=_COLOURS.get(component["state"], "")),
            Text(
                component["health"] or component["problem"] or "-",
                style="" if component["health"] == "healthy" else "yellow",
            ),
            component["version"],
            component["address"],
            str(component["pid"] or "-"),
            str(component["restarts"]),
            mebibytes(component["memory_bytes"]),
        )
    total = sum(component["memory_bytes"] for component in answer["components"])
    rows.add_row(Text("all", style="bold"), "", "", "", "", "", "", mebibytes(total))
    console.print(rows)


def next_steps(answer: Mapping[str, Any]) -> str:
    facts = answer["facts"]
    return f"""
Voicepipe is at  {facts["url"]}        (API reference: {facts["url"]}/docs)
API key in       {facts["api_key_file"]}
Speech models    {facts["speech"]}
Speakers         {facts["speakers"]}

    export VOICEPIPE_URL={facts["url"]}
    export VOICEPIPE_API_KEY=$(cat {facts["api_key_file"]})
    .venv/bin/voicepipe transcribe RECORDING

`make ps` shows every component, `make down` stops them and keeps the data, `make purge` also deletes the data."""


def mebibytes(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:.0f} MiB"
