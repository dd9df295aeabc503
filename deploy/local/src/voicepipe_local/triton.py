"""The Triton server of the nvidia-pytriton wheel, launched directly on the project's model repository."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from .component import CannotStart, Component, Unhealthy, http_client
from .data_dir import LOOPBACK, DataDir

ROOT = Path(__file__).resolve().parents[4]
GPU = Path("/dev/nvidiactl")
CPU_INSTANCES = 3  # as in triton-models/whisper/configs/cpu.pbtxt
MODEL = "whisper"


@dataclass(frozen=True, slots=True)
class Runtime:
    """The environment of Triton's Python models (numpy < 2), and the files of the server in it."""

    venv: Path
    server: Path
    python_version: str
    library_folder: str
    version: str

    @classmethod
    def of(cls, venv: Path) -> Runtime:
        python = venv / "bin" / "python"
        if not python.exists():
            raise CannotStart(f"Triton's environment {venv} is missing: run `make venv`")
        shown = subprocess.run([python, "-c", _ASK], check=True, capture_output=True, text=True)
        server, *rest = json.loads(shown.stdout)
        return cls(venv, Path(server), *rest)


_ASK = """
import json, sys, sysconfig
from importlib.metadata import version
print(json.dumps([sysconfig.get_path("purelib") + "/pytriton/tritonserver",
                  "%d.%d" % sys.version_info[:2], sysconfig.get_config_var("LIBDIR"), version("nvidia-pytriton")]))
"""


def name_of(pool: str) -> str:
    """The name of the component that serves `pool`, and of its gRPC port."""
    return f"triton-{pool}"


def url(data_dir: DataDir, pool: str) -> str:
    return f"{LOOPBACK}:{data_dir.port(name_of(pool))}"


def component(
    data_dir: DataDir, pool: str, folder: Path, env: Mapping[str, str] | None = None, *, batches: bool | None = None
) -> Component:
    """A Triton that serves the Whisper in `folder` as the pool of the tier `pool`; `env` has more model settings.

    `batches`: one instance that answers requests in batches, which is the default on a GPU. Otherwise several instances answer one
    request at a time each.
    """
    runtime = Runtime.of(Path(os.environ.get("VOICEPIPE_TRITON_VENV", ROOT / ".venv-triton")))
    name = name_of(pool)
    batches = GPU.exists() if batches is None else batches
    instances = 1 if batches else CPU_INSTANCES
    settings = {
        "VOICEPIPE_WHISPER_MODEL": str(folder),
        "VOICEPIPE_WHISPER_TIER": pool,
        "VOICEPIPE_TRITON_SERVER": str(runtime.server),
        "VOICEPIPE_TRITON_CONFIG": "" if batches else "cpu",
        "VOICEPIPE_TRITON_METRICS_HOST": LOOPBACK,
        "VOICEPIPE_TRITON_HTTP_PORT": str(data_dir.port(f"{name}-http")),
        "VOICEPIPE_TRITON_GRPC_PORT": str(data_dir.port(name)),
        "VOICEPIPE_TRITON_METRICS_PORT": str(data_dir.port(f"{name}-metrics")),
    }
    return Component(
        name=name,
        command=(str(ROOT / "triton-models" / "serve.sh"),),
        address=url(data_dir, pool),
        version=f"pytriton {runtime.version}",
        healthy=lambda: check_health(f"{LOOPBACK}:{data_dir.port(f'{name}-http')}", instances),
        env=_environment(runtime) | settings | dict(env or {}),
        prepare=lambda: _install_stub(runtime),
        folder=data_dir.folder(name),
        restart_when_unhealthy=True,
        # Triton does not restart the process of an instance. Requests that reach a living instance succeed meanwhile, so a
        # health check may not notice.
        child_processes=instances,
        start_timeout_s=180.0,  # a large model takes long to read from a cold disk
    )


def _environment(runtime: Runtime) -> dict[str, str]:
    """The interpreter embedded in the server finds `python3` on the PATH, and through it the environment's packages."""
    libraries = os.pathsep.join(filter(None, [runtime.library_folder, os.environ.get("LD_LIBRARY_PATH")]))
    return {
        "PATH": f"{runtime.venv / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
        "LD_LIBRARY_PATH": libraries,
        "VIRTUAL_ENV": str(runtime.venv),
        "OMP_WAIT_POLICY": "PASSIVE",  # idle threads sleep instead of spinning, and leave the CPU to other components
    }


def _install_stub(runtime: Runtime) -> None:
    """Copy the stub for this Python version, one of several in the wheel, to where the backend looks for it."""
    name = "triton_python_backend_stub"
    source = runtime.server / "python_backend_stubs" / runtime.python_version / name
    target = runtime.server / "backends" / "python" / name
    if target.exists() and target.stat().st_size == source.stat().st_size:
        return
    handle, copy = tempfile.mkstemp(prefix=f"{name}.", dir=target.parent)
    os.close(handle)
    shutil.copyfile(source, copy)
    Path(copy).chmod(0o755)
    Path(copy).replace(target)  # atomic: another stack may be executing the old one


async def check_health(address: str, instances: int) -> None:
    """Send `describe` requests: real inferences, because a server whose Python process has died still reports ready.

    Twice as many as there are instances, so that all of them are likely to answer. It uses HTTP because the threads of a
    gRPC client do not survive the forks of a supervisor.

    Raises:
        Unhealthy: an instance failed.
        TimeoutError: the model is busy.
    """
    tensors = [
        {"name": "AUDIO", "datatype": "INT16", "shape": [1, 16_000], "data": [0] * 16_000},
        {"name": "NUM_SAMPLES", "datatype": "INT32", "shape": [1, 1], "data": [16_000]},
        {"name": "PARAMS", "datatype": "BYTES", "shape": [1, 1], "data": ['{"op": "describe"}']},
    ]
    async with http_client(timeout_s=4.0) as client:
        for _ in range(2 * instances):
            await _describe(client, address, tensors)


async def _describe(client: httpx.AsyncClient, address: str, tensors: Sequence[Mapping[str, object]]) -> None:
    try:
        response = await client.post(f"http://{address}/v2/models/{MODEL}/infer", json={"inputs": tensors})
    except httpx.ReadTimeout as error:  # a server that is busy with a batch is not unhealthy
        raise TimeoutError(f"the model {MODEL} is slow to respond") from error
    if response.status_code != httpx.codes.OK:
        raise Unhealthy(f"the model {MODEL} returned {response.status_code}: {response.text[:200]}")
    if not json.loads(response.json()["outputs"][0]["data"][0]):
        raise Unhealthy(f"the model {MODEL} returned an empty description")
