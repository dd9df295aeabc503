"""The Triton server of the nvidia-pytriton wheel, launched directly on the project's model repository."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from .home import LOOPBACK, Home
from .parts import CannotStart, Part, Unhealthy, asking

ROOT = Path(__file__).resolve().parents[4]


@dataclass(frozen=True, slots=True)
class Runtime:
    """Where Triton's own Python (numpy < 2) and the server's files are."""

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


def url(home: Home) -> str:
    return f"{LOOPBACK}:{home.port('triton')}"


def part(
    home: Home, model: str, env: Mapping[str, str] | None = None, *, repository: Path = ROOT / "triton-models"
) -> Part:
    """Triton serving `model`; `env` holds the model's own settings."""
    runtime = Runtime.of(Path(os.environ.get("VOICEPIPE_TRITON_VENV", ROOT / ".venv-triton")))
    if not (repository / model / "config.pbtxt").exists():
        raise CannotStart(f"there is no Triton model {model!r} in {repository}")
    return Part(
        name="triton",
        # The default 8 MB of stack overflow when a JSON body of more than 4 MB arrives over HTTP, and the server dies.
        command=(
            "/bin/bash",
            "-c",
            'ulimit -S -s 65536; exec "$@"',
            "triton",
            *_command(home, runtime, model, repository),
        ),
        address=url(home),
        version=f"pytriton {runtime.version}",
        healthy=lambda: describes_itself(f"{LOOPBACK}:{home.port('triton-http')}", model),
        env=_environment(runtime) | dict(env or {}),
        prepare=lambda: _install_stub(runtime),
        folder=home.folder("triton"),
        restart_when_sick=True,
        start_timeout_s=180.0,  # a large model takes long to read from a cold disk
    )


def _command(home: Home, runtime: Runtime, model: str, repository: Path) -> list[str]:
    return [
        str(runtime.server / "bin" / "tritonserver"),
        f"--model-repository={repository}",
        f"--backend-directory={runtime.server / 'backends'}",
        f"--cache-directory={runtime.server / 'caches'}",
        "--model-control-mode=explicit",
        f"--load-model={model}",
        "--disable-auto-complete-config",
        *(f"--{kind}-address={LOOPBACK}" for kind in ("http", "grpc", "metrics")),
        f"--http-port={home.port('triton-http')}",
        f"--grpc-port={home.port('triton')}",
        f"--metrics-port={home.port('triton-metrics')}",
        "--allow-gpu-metrics=false",
        "--pinned-memory-pool-byte-size=0",
        "--exit-timeout-secs=5",
        "--log-verbose=0",
    ]


def _environment(runtime: Runtime) -> dict[str, str]:
    """The interpreter inside the server finds `python3` on the path, and by it the environment's packages."""
    libraries = os.pathsep.join(filter(None, [runtime.library_folder, os.environ.get("LD_LIBRARY_PATH")]))
    return {
        "PATH": f"{runtime.venv / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
        "LD_LIBRARY_PATH": libraries,
        "VIRTUAL_ENV": str(runtime.venv),
        "OMP_WAIT_POLICY": "PASSIVE",  # threads that wait for work leave the processor to the other parts
    }


def _install_stub(runtime: Runtime) -> None:
    """The wheel keeps one stub for every Python; the backend looks for its own beside itself."""
    name = "triton_python_backend_stub"
    source = runtime.server / "python_backend_stubs" / runtime.python_version / name
    target = runtime.server / "backends" / "python" / name
    if target.exists() and target.stat().st_size == source.stat().st_size:
        return
    draft = target.with_name(f"{name}.{os.getpid()}")
    shutil.copyfile(source, draft)
    draft.chmod(0o755)
    draft.replace(target)  # another stack may be executing the old one


async def describes_itself(address: str, model: str) -> None:
    """Ask the model what it is: a real inference, because a server whose Python process has died still says it is ready.

    Over HTTP: the threads of a gRPC client do not survive the forks of a supervisor.
    """
    tensors = [
        {"name": "AUDIO", "datatype": "INT16", "shape": [1, 16_000], "data": [0] * 16_000},
        {"name": "NUM_SAMPLES", "datatype": "INT32", "shape": [1, 1], "data": [16_000]},
        {"name": "PARAMS", "datatype": "BYTES", "shape": [1, 1], "data": ['{"op": "describe"}']},
    ]
    try:
        async with asking(timeout_s=4.0) as client:
            answer = await client.post(f"http://{address}/v2/models/{model}/infer", json={"inputs": tensors})
    except httpx.ReadTimeout as error:  # a server that is busy with a batch is not sick
        raise TimeoutError(f"the model {model} takes long to answer") from error
    if answer.status_code != httpx.codes.OK:
        raise Unhealthy(f"the model {model} answers {answer.status_code}: {answer.text[:200]}")
    if not json.loads(answer.json()["outputs"][0]["data"][0]):
        raise Unhealthy(f"the model {model} does not say what it is")
