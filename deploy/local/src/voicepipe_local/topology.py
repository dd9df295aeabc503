"""Which components a stack has, in which order they start, with which settings."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from . import gateway, nats, objectstore, postgres, services, triton
from .component import CannotStart, Component
from .data_dir import DataDir
from .models import Models
from .scaled_pools import ScaledPool
from .supervisor import OneOffTask, StartStep, Supervisor

API_KEY = "api-key"
DATABASE = "voicepipe"

# Concurrent requests to one pool. The limit is low because a shorter recording cannot overtake requests in a model's
# queue.
REQUESTS_GPU = 16  # one batch of eight running, one waiting
REQUESTS_CPU = triton.CPU_INSTANCES  # one per instance: batches gain nothing on a CPU
REQUESTS_CPU_PER_JOB = triton.CPU_INSTANCES - 1  # a long recording leaves one instance for other jobs


@dataclass(frozen=True, slots=True)
class Topology:
    """`scaled` are the pools whose workers the autoscaler starts and stops, and `asleep` those of them that it starts first."""

    steps: tuple[StartStep, ...]
    facts: Mapping[str, str] = field(default_factory=dict)
    scaled: tuple[ScaledPool, ...] = ()
    asleep: frozenset[str] = frozenset()


def full(
    data_dir: DataDir,
    models: Models,
    workers: Mapping[str, int],
    environment: Mapping[str, str] = os.environ,
    *,
    autoscale: bool = False,
) -> Topology:
    """The whole pipeline, with a Triton for each pool of `models`.

    `workers` is the number of processes by service; the default is 1. With `autoscale` it is the most that there may be of
    prepare, transcribe and diarizer, by default 2, 1 and 1.

    Raises:
        CannotStart: a package is not installed, or `workers` names an unknown service.
    """
    check(workers)
    env = _environment(data_dir) | _model_settings(models, environment)
    most = {"prepare": 2} if autoscale else {}
    count = {service.name: workers.get(service.name, most.get(service.name, 1)) for service in services.ALL}
    upload = tuple(services.replicas(data_dir, services.UPLOAD, count["upload"], env))
    status = tuple(services.replicas(data_dir, services.STATUS, count["status"], env))
    work = _workers(data_dir, models, count, env)
    front = gateway.component(data_dir, upload=_backends(upload), status=_backends(status))
    speech = tuple(triton.component(data_dir, tier, folder) for tier, folder in models.speech.items())
    servers = (nats.component(data_dir), postgres.component(data_dir), objectstore.component(data_dir), *speech)
    scaled = _scaled(models, count, environment) if autoscale else ()
    last = (front, services.autoscaler(data_dir)) if autoscale else (front,)
    return Topology(
        steps=(
            servers,
            OneOffTask("migrations", _migrate),
            OneOffTask("first-key", _first_key),
            (*upload, *status, *work),
            last,
        ),
        facts={
            "url": gateway.url(data_dir),
            "api_key_file": str(data_dir.path / API_KEY),
            "speech": models.about_speech,
            "speakers": models.about_speakers,
        },
        scaled=scaled,
        asleep=frozenset(name for pool in scaled for name in pool.components[1:]),
    )


# What replicas on one machine usually do, until the autoscaler has measured it: seconds of audio per second, and seconds until ready.
_SPEEDS = {"prepare": 200.0, "transcribe": 8.0, "diarizer": 4.0}
_COLD_STARTS_S = {"prepare": 5.0, "transcribe": 20.0, "diarizer": 20.0}
PREPARE_SLOTS = 4  # the default of VOICEPIPE_PREPARE_CONCURRENCY


def _scaled(models: Models, count: Mapping[str, int], environment: Mapping[str, str]) -> tuple[ScaledPool, ...]:
    """One `prepare` always runs: it costs little, and a recording that waits for nothing is a better start."""
    pools = [_pool("prepare", "prepare", count["prepare"], slots=PREPARE_SLOTS, least=1)]
    for tier in models.speech:
        slots = model_requests(environment)
        pools.append(
            _pool(
                "transcribe", "transcribe", count["transcribe"], slots=slots, pool=tier, companion=triton.name_of(tier)
            )
        )
    if models.speakers:
        pools.append(_pool("diarizer", "diarize", count["diarizer"]))
    return tuple(pools)


def _pool(
    service: str, stage: str, most: int, *, slots: int = 1, least: int = 0, pool: str = "", companion: str | None = None
) -> ScaledPool:
    name = f"{service}-{pool}" if pool else service
    return ScaledPool(
        name=name,
        stage=stage,
        pool=pool,
        components=services.names(name, most),
        companion=companion,
        min_replicas=least,
        slots=slots,
        speed=_SPEEDS[service],
        cold_start_s=_COLD_STARTS_S[service],
    )


def _model_settings(models: Models, environment: Mapping[str, str]) -> dict[str, str]:
    return {
        "VOICEPIPE_MODEL_REQUESTS": str(model_requests(environment)),
        "VOICEPIPE_MODEL_REQUESTS_PER_JOB": str(model_requests_per_job(environment)),
        "VOICEPIPE_POOLS": ",".join(models.speech),
        "VOICEPIPE_SPEAKERS": str(models.speakers is not None).lower(),
    }


def _workers(
    data_dir: DataDir, models: Models, count: Mapping[str, int], env: Mapping[str, str]
) -> tuple[Component, ...]:
    workers = [
        component for each in services.WORKERS for component in services.replicas(data_dir, each, count[each.name], env)
    ]
    for tier in models.speech:
        pool_env = {**env, "VOICEPIPE_POOL": tier, "VOICEPIPE_TRITON_URL": triton.url(data_dir, tier)}
        workers += services.replicas(data_dir, services.TRANSCRIBE, count["transcribe"], pool_env, pool=tier)
    if models.speakers:
        diarizer_env = {**env, "VOICEPIPE_DIARIZATION_MODEL": str(models.speakers)}
        workers += services.replicas(data_dir, services.DIARIZER, count["diarizer"], diarizer_env)
    return tuple(workers)


def model_requests(environment: Mapping[str, str] = os.environ) -> int:
    """The limit of concurrent requests to a pool: the operator's setting, or the default for a GPU or a CPU.

    Raises:
        CannotStart: the setting is not a number.
    """
    return _number(environment, "VOICEPIPE_MODEL_REQUESTS") or (REQUESTS_GPU if triton.GPU.exists() else REQUESTS_CPU)


def model_requests_per_job(environment: Mapping[str, str] = os.environ) -> int:
    """The limit of concurrent requests of one recording.

    Raises:
        CannotStart: the setting is not a number.
    """
    setting = _number(environment, "VOICEPIPE_MODEL_REQUESTS_PER_JOB")
    if setting or triton.GPU.exists():
        return setting or model_requests(environment)
    return min(REQUESTS_CPU_PER_JOB, model_requests(environment))


def _number(environment: Mapping[str, str], name: str) -> int | None:
    setting = environment.get(name)
    if setting and not setting.isdecimal():
        raise CannotStart(f"{name} is {setting!r}: it must be a whole number")
    return int(setting) if setting else None


def check(workers: Mapping[str, int]) -> None:
    """Check the service names in `workers`.

    Raises:
        CannotStart: a name is not that of a service.
    """
    for name in workers:
        if name not in (known := [service.name for service in services.ALL]):
            raise CannotStart(f"There is no service {name!r}; the services are {', '.join(known)}")


def _environment(data_dir: DataDir) -> dict[str, str]:
    bucket = objectstore.store(data_dir)
    return {
        # glibc keeps an arena for every thread, each with the large blocks that it once held: tens of megabytes per
        # process.
        "MALLOC_ARENA_MAX": "2",
        "VOICEPIPE_DATABASE_URL": postgres.url(data_dir, DATABASE),
        "VOICEPIPE_NATS_URL": nats.url(data_dir),
        "VOICEPIPE_S3_ENDPOINT": bucket.endpoint,
        "VOICEPIPE_S3_BUCKET": bucket.bucket,
        "VOICEPIPE_S3_ACCESS_KEY": bucket.access_key,
        "VOICEPIPE_S3_SECRET_KEY": bucket.secret_key,
        "VOICEPIPE_PUBLIC_URL": gateway.url(data_dir),
    }


def _backends(components: tuple[Component, ...]) -> tuple[gateway.Backend, ...]:
    return tuple(
        gateway.Backend(
            component.address, f"{component.env['VOICEPIPE_GRPC_HOST']}:{component.env['VOICEPIPE_GRPC_PORT']}"
        )
        for component in components
    )


async def _migrate(supervisor: Supervisor) -> None:
    data_dir = supervisor.data_dir
    await postgres.ensure_database(data_dir, DATABASE)
    await supervisor.run_command("migrations", sys.executable, "-m", "voicepipe_migrations", env=_environment(data_dir))


async def _first_key(supervisor: Supervisor) -> None:
    data_dir = supervisor.data_dir
    if (data_dir.path / API_KEY).exists():
        return
    draft = data_dir.write_private(f"{API_KEY}.new", "")
    module = ("voicepipe_wire.web.keys", "create", "--user", "local", "--name", "this machine", "--operator")
    await supervisor.run_command("first-key", sys.executable, "-m", *module, env=_environment(data_dir), output=draft)
    draft.replace(data_dir.path / API_KEY)
