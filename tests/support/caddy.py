"""The gateway in front of services that a test runs itself, for gRPC."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import grpc
import httpx
from voicepipe_local import gateway, testing
from voicepipe_local.component import Component
from voicepipe_local.data_dir import LOOPBACK, DataDir

NOBODY = gateway.Backend(f"{LOOPBACK}:9", f"{LOOPBACK}:9")


@dataclass(frozen=True, slots=True)
class Caddy:
    address: str
    probes: str

    def channel(self) -> grpc.aio.Channel:
        return grpc.aio.insecure_channel(self.address)

    def memory_mb(self) -> float:
        """The memory of the process. Caddy reports it itself."""
        metrics = httpx.get(f"{self.probes}/metrics").raise_for_status().text
        (resident,) = re.findall(r"^process_resident_memory_bytes (\S+)$", metrics, re.MULTILINE)
        return float(resident) / 1e6


@contextmanager
def running_before(
    *, upload: gateway.Backend = NOBODY, status: gateway.Backend = NOBODY, **settings: str
) -> Iterator[Caddy]:
    """`settings` are more variables of the gateway, or other values."""

    def component(data_dir: DataDir) -> Component:
        made = gateway.component(data_dir, upload=[upload], status=[status])
        return replace(made, env={**made.env, **settings})

    with testing._running(component, "gateway") as (data_dir, started):
        yield Caddy(started.component.address, f"http://{LOOPBACK}:{data_dir.port('gateway-probes')}")


def with_key(key: str) -> tuple[tuple[str, str], ...]:
    """The metadata of a call."""
    return (("authorization", f"Bearer {key}"),)
