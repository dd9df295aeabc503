"""Writes every dashboard as JSON into the chart, or checks that the files are up to date."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from .api import api
from .dependencies import dependencies
from .overview import overview
from .pools import pools

FOLDER = Path(__file__).resolve().parents[1] / "helm/voicepipe/files/dashboards"
DASHBOARDS = {"overview": overview, "pools": pools, "api": api, "dependencies": dependencies}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.monitoring", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file is not up to date")
    check = parser.parse_args().check
    wanted = {FOLDER / f"{name}.json": as_json(built()) for name, built in DASHBOARDS.items()}
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    unknown = sorted(set(FOLDER.glob("*")) - set(wanted))
    for path in [*stale, *unknown]:
        print(f"{path.name} is {'not up to date' if path in wanted else 'not generated'}" if check else path.name)
    if check:
        return 1 if stale or unknown else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in stale:
        path.write_text(wanted[path])
    for path in unknown:
        path.unlink()
    return 0


def as_json(built: Dashboard) -> str:
    document = json.loads(JSONEncoder().encode(built.build()))
    # Links to a panel contain its id, so it must not depend on Grafana.
    for number, panel in enumerate(document["panels"], start=1):
        panel["id"] = number
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.exit(main())
