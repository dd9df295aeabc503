"""A client that looks at one transcription, a steady number of times per second. A process of its own: it waits for nobody.

    python -m tests.bench.status_poller '{"address": "127.0.0.1:8000", "path": "/v1/...", "headers": {}, "per_second": 20}'

Ends when its standard input does, and prints {"ms": [...], "late": n}: how long each answer took, and how many requests
could not be sent in time because the one before was not answered.
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
    """Runs the program above as long as the context lasts."""

    def __init__(self, address: str, path: str, headers: dict[str, str], per_second: float) -> None:
        order = {"address": address, "path": path, "headers": headers, "per_second": per_second}
        self._command = [sys.executable, "-m", __name__, json.dumps(order)]
        self._process: subprocess.Popen[str] | None = None
        self.ms: list[float] = []
        self.late = 0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        said, _nothing = self._process.communicate()
        if self._process.returncode:
            raise RuntimeError(f"the poller ended with {self._process.returncode}")
        answer: dict[str, Any] = json.loads(said)
        self.ms, self.late = answer["ms"], answer["late"]

    def percentile(self, percent: float) -> float:
        """Milliseconds; the nearest rank."""
        ranked = sorted(self.ms)
        return ranked[min(len(ranked) - 1, int(len(ranked) * percent / 100))]


def main() -> None:
    order = json.loads(sys.argv[1])
    connection = http.client.HTTPConnection(order["address"], timeout=30)
    ms, late, due = [], 0, time.perf_counter()
    while not select.select([sys.stdin], [], [], max(0.0, due - time.perf_counter()))[0]:
        began = time.perf_counter()
        connection.request("GET", order["path"], headers=order["headers"])
        answer = connection.getresponse()
        answer.read()
        ms.append((time.perf_counter() - began) * 1000)
        if answer.status != 200:
            raise SystemExit(f"{order['path']} answers {answer.status}")
        due += 1 / order["per_second"]
        if due < time.perf_counter():
            late, due = late + 1, time.perf_counter()
    print(json.dumps({"ms": ms, "late": late}))


if __name__ == "__main__":
    main()
