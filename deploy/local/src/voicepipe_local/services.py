"""The project's own processes: HTTP services and workers, each with an HTTP port for health and metrics."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from . import nats
from .component import CannotStart, Component, expect_ok
from .data_dir import LOOPBACK, DataDir

ROOT = Path(__file__).resolve().parents[4]


@dataclass(frozen=True, slots=True)
class Service:
    """`module` are the arguments of `python -m`; `package` is the distribution that contains it.

    `venv` is the separate environment of a service that has one, relative to the project's folder.
    """

    name: str
    module: tuple[str, ...]
    package: str
    venv: str | None = None

    @property
    def python(self) -> str:
        return str(ROOT / self.venv / "bin" / "python") if self.venv else sys.executable


UPLOAD = Service("upload", ("voicepipe_upload",), "voicepipe-upload")
STATUS = Service("status", ("voicepipe_status",), "voicepipe-status")
WORKERS = tuple(
    Service(name, ("voicepipe_orchestrator", name), "voicepipe-orchestrator")
    for name in ("prepare", "assemble", "controller")
)
TRANSCRIBE = Service("transcribe", ("voicepipe_orchestrator", "transcribe"), "voicepipe-orchestrator")
DIARIZER = Service("diarizer", ("voicepipe_diarizer",), "voicepipe-diarizer", ".venv-diarizer")
ALL = (UPLOAD, STATUS, *WORKERS, TRANSCRIBE, DIARIZER)


def replicas(
    data_dir: DataDir, service: Service, count: int, env: Mapping[str, str], *, pool: str = ""
) -> Iterator[Component]:
    """`count` processes of `service`, or of one pool of it: NAME, NAME-2, NAME-3, ..., or NAME-POOL, NAME-POOL-2, ..."""
    for name in names(f"{service.name}-{pool}" if pool else service.name, count):
        yield _replica(data_dir, service, name, env)


def names(name: str, count: int) -> tuple[str, ...]:
    """The names of `count` processes of a service or pool."""
    return tuple(name if number == 1 else f"{name}-{number}" for number in range(1, count + 1))


def autoscaler(data_dir: DataDir) -> Component:
    """The process that starts and stops workers; it needs nothing but NATS and the control socket of the stack."""
    service = Service("autoscaler", ("voicepipe_local.autoscaler", str(data_dir.path)), "voicepipe-local")
    return _replica(data_dir, service, service.name, {"VOICEPIPE_NATS_URL": nats.url(data_dir)})


def _replica(data_dir: DataDir, service: Service, name: str, env: Mapping[str, str]) -> Component:
    try:
        installed = version(service.package)
    except PackageNotFoundError:
        raise CannotStart(f"{service.package} is not installed: run `make venv`") from None
    if not Path(service.python).exists():
        raise CannotStart(f"{service.venv} is missing: run `make venv`")
    port = data_dir.port(name)

    async def healthy() -> None:
        await expect_ok(f"http://{LOOPBACK}:{port}/readyz")

    return Component(
        name=name,
        command=(service.python, "-m", *service.module),
        address=f"{LOOPBACK}:{port}",
        version=installed,
        healthy=healthy,
        env={
            **env,
            "VOICEPIPE_HTTP_HOST": LOOPBACK,
            "VOICEPIPE_HTTP_PORT": str(port),
            "VOICEPIPE_GRPC_HOST": LOOPBACK,
            "VOICEPIPE_GRPC_PORT": str(data_dir.port(f"{name}-grpc")),
            "VOICEPIPE_WORKER_NAME": name,
        },
        grace_s=20.0,  # a worker finishes its messages in flight
    )
