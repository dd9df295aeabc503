"""The project's own processes: HTTP services and workers, each with an HTTP port for health and metrics."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

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
    name = f"{service.name}-{pool}" if pool else service.name
    for number in range(1, count + 1):
        yield _replica(data_dir, service, name if number == 1 else f"{name}-{number}", env)


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
        env={**env, "VOICEPIPE_HTTP_HOST": LOOPBACK, "VOICEPIPE_HTTP_PORT": str(port), "VOICEPIPE_INSTANCE": name},
        grace_s=20.0,  # a worker finishes its messages in flight
    )
