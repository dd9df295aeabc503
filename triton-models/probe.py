#!/usr/bin/env python3
"""Probes of a Triton server in a container: `probe.py ready|alive`. Exit status 0 or 1, and one line that says why.

Triton does not restart the process of an instance that has died, and still reports that it is ready. So both probes count these
processes and send a real inference. They send none while other requests succeed, because in a full queue it would only wait.

    ready   for a startup and a readiness probe
    alive   for a liveness probe: fails if an instance is dead, or if nothing has succeeded for two minutes

It reads the variables VOICEPIPE_TRITON_CONFIG, _HOST and _HTTP_PORT of serve.sh, and VOICEPIPE_WHISPER_LAST_SUCCESS of the model.
VOICEPIPE_WHISPER_INSTANCES replaces the number of instances that follows from the configuration.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

STUB = "triton_python_backend_stub"
NEVER_S = float("inf")
RECENT_S = 30.0
"""The model answered so recently that no inference is needed."""
BUSY_S = 120.0
"""A model that answered within this time and is slow now is busy, not dead."""
TIMEOUT_S = 8.0
"""Below the timeout of the probe in the chart (10 s)."""
DESCRIBE = {
    "inputs": [
        {"name": "AUDIO", "datatype": "INT16", "shape": [1, 16_000], "data": [0] * 16_000},
        {"name": "NUM_SAMPLES", "datatype": "INT32", "shape": [1, 1], "data": [16_000]},
        {"name": "PARAMS", "datatype": "BYTES", "shape": [1, 1], "data": ['{"op": "describe"}']},
    ]
}


class Unhealthy(Exception):
    """The message says why."""


def probe(verb: str, instances: int, living: int, idle_s: float, describe: Callable[[], None]) -> str:
    """Why the model is ready or alive. `idle_s`: the time since a request last succeeded, infinite if none has.

    Raises:
        Unhealthy: it is not.
    """
    if living < instances:
        raise Unhealthy(f"{living} of {instances} instances of the model are running")
    if idle_s < (RECENT_S if verb == "ready" else BUSY_S):
        return f"a request succeeded {idle_s:.0f} s ago"
    try:
        describe()
    except TimeoutError as error:
        if idle_s < BUSY_S:
            return f"the model is busy; a request succeeded {idle_s:.0f} s ago"
        raise Unhealthy(
            f"the model did not answer in {TIMEOUT_S:.0f} s, and nothing succeeded for {BUSY_S:.0f} s"
        ) from error
    return "the model answered"


def living_instances(proc: Path) -> int:
    """The processes of the model's instances; one that has died and was not reaped has no command line."""
    return sum(_program(process) == STUB for process in proc.glob("[0-9]*/cmdline"))


def _program(command_line: Path) -> str:
    try:
        return command_line.read_bytes().partition(b"\0")[0].decode(errors="replace").rpartition("/")[2]
    except OSError:  # it ended a moment ago
        return ""


def idle_s(file: Path, now: float) -> float:
    """The age of the file that the model touches after each success. A clock that was set back does not count as a success."""
    try:
        age_s = now - file.stat().st_mtime
    except OSError:
        return NEVER_S
    return age_s if age_s >= 0 else NEVER_S


def describe(host: str, port: int) -> None:
    """Ask the model to describe itself, which runs its encoder.

    Raises:
        TimeoutError: the model is slow.
        Unhealthy: it failed, or no server listens.
    """
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        connection.request("POST", "/v2/models/whisper/infer", json.dumps(DESCRIBE))
        response = connection.getresponse()
        body = response.read()
    except TimeoutError:
        raise
    except (OSError, http.client.HTTPException) as error:
        raise Unhealthy(f"the server does not answer: {error!r}") from error
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise Unhealthy(f"the model returned {response.status}: {body[:200].decode(errors='replace')}")


def main(verb: str, environment: Mapping[str, str], proc: Path = Path("/proc")) -> str:
    default_instances = "3" if environment.get("VOICEPIPE_TRITON_CONFIG") == "cpu" else "1"
    host = environment.get("VOICEPIPE_TRITON_HOST") or "127.0.0.1"
    port = int(environment.get("VOICEPIPE_TRITON_HTTP_PORT") or "8010")
    last_success = environment.get("VOICEPIPE_WHISPER_LAST_SUCCESS")
    return probe(
        verb,
        instances=int(environment.get("VOICEPIPE_WHISPER_INSTANCES") or default_instances),
        living=living_instances(proc),
        idle_s=idle_s(Path(last_success), time.time()) if last_success else NEVER_S,
        describe=lambda: describe("127.0.0.1" if host == "0.0.0.0" else host, port),  # noqa: S104 - compares, binds nothing
    )


if __name__ == "__main__":
    if sys.argv[1:] not in (["ready"], ["alive"]):
        sys.exit("probe.py ready|alive")
    try:
        sys.stdout.write(main(sys.argv[1], os.environ) + "\n")
    except Unhealthy as error:
        sys.exit(f"not {sys.argv[1]}: {error}")
