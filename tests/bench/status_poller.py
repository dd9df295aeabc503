"""A client that requests one transcription at a steady rate, in a separate process, so the bench does not delay it.

    python -m tests.bench.status_poller '{"address": "127.0.0.1:8000", "path": "/v1/...", "headers": {}, "per_second": 20}'

Ends when its standard input ends, and prints {"ms": [...], "late": n}: the time of each response, and the number of
requests that were late because the previous response was.
"""

from __future__ import annotations

import http.client
import json
import select
import subprocess
import sys
import time
from typing import Any, Self


class StatusPoller:
    """Runs this module as a program during the context."""

    def __init__(self, address: str, path: str, headers: dict[str, str], per_second: float) -> None:
        request = {"address": address, "path": path, "headers": headers, "per_second": per_second}
        self._command = [sys.executable, "-m", __name__, json.dumps(request)]
        self._process: subprocess.Popen[str] | None = None
        self.ms: list[float] = []
        self.late = 0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        stdout = self._process.communicate()[0]
        if self._process.returncode:
            raise RuntimeError(f"the poller exited with status {self._process.returncode}")
        answer: dict[str, Any] = json.loads(stdout)
        self.ms, self.late = answer["ms"], answer["late"]

    def percentile(self, percent: float) -> float:
        """In milliseconds, by the nearest rank."""
        ranked = sorted(self.ms)
        return ranked[min(len(ranked) - 1, int(len(ranked) * percent / 100))]


def main() -> None:
    request = json.loads(sys.argv[1])
    connection = http.client.HTTPConnection(request["address"], timeout=30)
    ms, late, due = [], 0, time.perf_counter()
    while not select.select([sys.stdin], [], [], max(0.0, due - time.perf_counter()))[0]:
        started_s = time.perf_counter()
        connection.request("GET", request["path"], headers=request["headers"])
        answer = connection.getresponse()
        answer.read()
        ms.append((time.perf_counter() - started_s) * 1000)
        if answer.status != 200:
            raise SystemExit(f"{request['path']} returned {answer.status}")
        due += 1 / request["per_second"]
        if due < time.perf_counter():
            late, due = late + 1, time.perf_counter()
    print(json.dumps({"ms": ms, "late": late}))


if __name__ == "__main__":
    main()
