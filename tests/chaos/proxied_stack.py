"""A stack whose own processes reach every server through a proxy; also the program that supervises it.

The servers, the migrations and the tests use the real addresses.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from voicepipe_local import __main__ as program
from voicepipe_local import topology
from voicepipe_local.component import Component
from voicepipe_local.data_dir import DataDir
from voicepipe_local.disposable_stack import DisposableStack
from voicepipe_local.supervisor import StartStep

from .proxy import HOST, Proxies

SERVERS = {"nats": "nats", "postgres": "postgres", "s3": "s3", "triton": "triton-accurate"}
ADDRESSES = ("VOICEPIPE_NATS_URL", "VOICEPIPE_DATABASE_URL", "VOICEPIPE_S3_ENDPOINT", "VOICEPIPE_TRITON_URL")
PROXIES = "CHAOS_PROXIES"


class ProxiedStack(DisposableStack):
    def command(self, workers: Mapping[str, int], **flags: bool) -> list[str]:
        words = super().command(workers, **flags)
        at = words.index("voicepipe_local")
        return [*words[:at], "chaos.proxied_stack", *words[at + 1 :]]


@contextmanager
def running(data: Path, env: Mapping[str, str]) -> Iterator[tuple[ProxiedStack, Proxies]]:
    """The stack in `data`, started, with its proxies."""
    data_dir = DataDir.at(data)
    with Proxies({name: _port_of(data_dir, port) for name, port in SERVERS.items()}) as proxies:
        modules = os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")]))
        settings = {**env, PROXIES: json.dumps(proxies.ports), "PYTHONPATH": modules}
        stack = ProxiedStack(data, {}, settings)
        try:
            stack.up()
            yield stack, proxies
        finally:
            stack.crash()


def _port_of(data_dir: DataDir, name: str) -> Callable[[], int]:
    return lambda: data_dir.port(name)


def through_proxies(
    steps: tuple[StartStep, ...], data_dir: DataDir, proxies: Mapping[str, int]
) -> tuple[StartStep, ...]:
    """The same steps; the settings of the processes name the proxies instead of the servers."""
    real = {f"{HOST}:{data_dir.port(SERVERS[name])}": f"{HOST}:{port}" for name, port in proxies.items()}

    def rewired(component: Component) -> Component:
        return replace(component, env={key: _replaced(key, value, real) for key, value in component.env.items()})

    return tuple(tuple(map(rewired, step)) if isinstance(step, tuple) else step for step in steps)


def _replaced(key: str, value: str, real: Mapping[str, str]) -> str:
    if key in ADDRESSES:
        for address, proxied in real.items():
            value = value.replace(address, proxied)
    return value


def main() -> int:
    full, proxies = topology.full, json.loads(os.environ[PROXIES])

    def rewired(data_dir: DataDir, *arguments: Any, **more: Any) -> topology.Topology:
        planned = full(data_dir, *arguments, **more)
        return replace(planned, steps=through_proxies(planned.steps, data_dir, proxies))

    topology.full = rewired
    return program.main()


if __name__ == "__main__":
    sys.exit(main())
