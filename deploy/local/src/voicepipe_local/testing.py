"""Pytest fixtures for every real server.

A server starts when a test first requests it, and never outlives pytest, not even one ended by SIGKILL.

All tests of a run share the servers of the plain names (`nats_url`, `database_url`, `object_store`, `triton`).
`private_nats`, `private_postgres`, `private_object_store`, `private_triton` and `private_stack` start servers that a
test may kill and restart.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest

from . import data_dir as data_dirs
from . import models, nats, objectstore
from . import postgres as postgresql
from . import triton as tritonserver
from .component import Component
from .data_dir import DataDir
from .disposable_stack import DisposableStack
from .objectstore import ObjectStore
from .standalone import StandaloneComponent

WHISPER_FIXTURE = tritonserver.ROOT / "tests" / "fixtures" / "whisper" / "model"
# One pool, whose model knows exactly 154 English words and responds in milliseconds, and no diarizer.
TOY_MODELS = {"VOICEPIPE_MODELS": f"accurate={WHISPER_FIXTURE}", "VOICEPIPE_DIARIZATION_MODEL": "none"}
# The defaults of `make up`.
REAL_MODELS = {"VOICEPIPE_MODELS": models.DEFAULT_SPEECH, "VOICEPIPE_DIARIZATION_MODEL": models.DEFAULT_SPEAKERS}
_TEMPLATE = "voicepipe_template"
Address = TypeVar("Address")


@contextmanager
def _temporary_data_dir(name: str) -> Iterator[DataDir]:
    """A data directory outside pytest's temporary folder, which PostgreSQL, running as another user, cannot enter."""
    for leftover in Path(tempfile.gettempdir()).glob("voicepipe-test-*"):
        if not Path(f"/proc/{leftover.name.split('-')[2]}").exists():  # its test run was killed
            shutil.rmtree(leftover, ignore_errors=True)
    path = Path(tempfile.mkdtemp(prefix=f"voicepipe-test-{os.getpid()}-{name}-"))
    path.chmod(0o711)
    try:
        yield DataDir.at(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _running(make: Callable[[DataDir], Component], name: str) -> Iterator[tuple[DataDir, StandaloneComponent]]:
    with _temporary_data_dir(name) as data_dir:
        running = StandaloneComponent(make(data_dir), data_dir.log(name))
        running.start()
        try:
            yield data_dir, running
        finally:
            running.kill()


def _test_postgres(data_dir: DataDir) -> Component:
    return postgresql.component(data_dir, postgresql.NOT_DURABLE)


@pytest.fixture
def free_port() -> int:
    return data_dirs.free_port()


@pytest.fixture(scope="session")
def nats_server() -> Iterator[tuple[DataDir, StandaloneComponent]]:
    with _running(nats.component, "nats") as started:
        yield started


@pytest.fixture(scope="session")
def nats_url(nats_server: tuple[DataDir, StandaloneComponent]) -> str:
    """A NATS server with JetStream. Streams outlive a test: a test that needs a fresh stream deletes it first."""
    return nats.url(nats_server[0])


@pytest.fixture
def private_nats() -> Iterator[Callable[[], tuple[str, StandaloneComponent]]]:
    """Call it to start a private NATS server; returns its URL and its handle."""
    yield from _private(nats.component, "nats", nats.url)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[tuple[DataDir, StandaloneComponent]]:
    with _running(_test_postgres, "postgres") as started:
        yield started


@pytest.fixture(scope="session", name="postgres")
def postgres_url(postgres_server: tuple[DataDir, StandaloneComponent]) -> str:
    """The superuser's URL of the `postgres` database."""
    return postgresql.url(postgres_server[0])


@pytest.fixture(scope="session")
def _template_database(postgres_server: tuple[DataDir, StandaloneComponent], postgres: str) -> str:
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f'create database "{_TEMPLATE}"')
    migrate(postgresql.url(postgres_server[0], _TEMPLATE))
    return _TEMPLATE


@pytest.fixture
def empty_database_url(postgres_server: tuple[DataDir, StandaloneComponent], postgres: str) -> Iterator[str]:
    """A fresh database without any table."""
    yield from _database(postgres_server[0], postgres, "template1")


@pytest.fixture
def database_url(
    postgres_server: tuple[DataDir, StandaloneComponent], postgres: str, _template_database: str
) -> Iterator[str]:
    """A fresh migrated database."""
    yield from _database(postgres_server[0], postgres, _template_database)


@pytest.fixture
def private_postgres() -> Iterator[Callable[[], tuple[str, StandaloneComponent]]]:
    """Call it to start a private PostgreSQL server; returns the URL of an empty database, and its handle."""
    yield from _private(_test_postgres, "postgres", postgresql.url)


@pytest.fixture(scope="session")
def object_store_server() -> Iterator[tuple[DataDir, StandaloneComponent]]:
    with _running(objectstore.component, "s3") as started:
        yield started


@pytest.fixture
def object_store(object_store_server: tuple[DataDir, StandaloneComponent]) -> Iterator[ObjectStore]:
    """A fresh bucket."""
    store = replace(objectstore.store(object_store_server[0]), bucket=f"test-{uuid.uuid4().hex[:12]}")
    client = store.client()
    client.make_bucket(store.bucket)
    yield store
    client.remove_bucket(store.bucket)  # SeaweedFS deletes its objects too


@pytest.fixture
def private_object_store() -> Iterator[Callable[[], tuple[ObjectStore, StandaloneComponent]]]:
    """Call it to start a private object store (bucket `voicepipe`); returns it and the handle of its server."""
    yield from _private(objectstore.component, "s3", objectstore.store)


@pytest.fixture(scope="session")
def start_triton() -> Iterator[Callable[..., tuple[str, StandaloneComponent]]]:
    """Call it to start a private Triton; returns its address (host:port of gRPC) and its handle.

    `folder` holds the model (default: the fixture), `env` more settings; `batches` as for `triton.component`.
    """
    yield from _triton_factory()


@pytest.fixture
def private_triton() -> Iterator[Callable[..., tuple[str, StandaloneComponent]]]:
    """Like `start_triton`, but the servers end with the test."""
    yield from _triton_factory()


@pytest.fixture(scope="session")
def triton_server(start_triton: Callable[..., tuple[str, StandaloneComponent]]) -> tuple[str, StandaloneComponent]:
    return start_triton()


@pytest.fixture(scope="session", name="triton")
def triton_whisper(triton_server: tuple[str, StandaloneComponent]) -> str:
    """The address (host:port of gRPC) of a Triton that serves the fixture model as `whisper`."""
    return triton_server[0]


@pytest.fixture(scope="session")
def stack() -> Iterator[DisposableStack]:
    """The whole pipeline with the fixture model, for tests that leave it as they found it."""
    with stacks() as start:
        yield start()


@pytest.fixture(scope="session")
def real_stack() -> Iterator[DisposableStack]:
    """The whole pipeline as `make up` starts it: two pools of real Whisper, and the real diarizer."""
    real_models()
    with stacks() as start:
        yield start(env=REAL_MODELS)


@pytest.fixture
def private_stack() -> Iterator[Callable[..., DisposableStack]]:
    """Call it with `workers` (`{"transcribe": 4}`) and `env` to start a whole private pipeline."""
    with stacks() as start:
        yield start


@pytest.fixture
def python_module() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Call it to run `python -m NAME ARGUMENTS` and wait for it; `env` adds environment variables."""

    def run(*words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", *words]
        return subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ | dict(env or {}))

    return run


def real_models() -> Path:
    """Pull the default models if they are missing; return the models directory. Concurrent callers wait for one pull."""
    models.put_in_place(models.wanted(REAL_MODELS), print)
    return models.folder_of_models(os.environ)


def migrate(database_url: str) -> None:
    command = [sys.executable, "-m", "voicepipe_migrations"]
    env = os.environ | {"VOICEPIPE_DATABASE_URL": database_url}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=env)
    if done.returncode:
        raise RuntimeError(f"python -m voicepipe_migrations exited with {done.returncode}:\n{done.stdout}{done.stderr}")


def _database(data_dir: DataDir, admin_url: str, template: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(f'create database "{name}" template "{template}"')
    yield postgresql.url(data_dir, name)
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(f'drop database "{name}" with (force)')


def _private(
    make: Callable[[DataDir], Component], name: str, address: Callable[[DataDir], Address]
) -> Iterator[Callable[[], tuple[Address, StandaloneComponent]]]:
    with ExitStack() as started:

        def start() -> tuple[Address, StandaloneComponent]:
            data_dir, running = started.enter_context(_running(make, name))
            return address(data_dir), running

        yield start


def _triton_factory() -> Iterator[Callable[..., tuple[str, StandaloneComponent]]]:
    with ExitStack() as started:

        def start(
            folder: Path = WHISPER_FIXTURE, env: Mapping[str, str] | None = None, *, batches: bool | None = None
        ) -> tuple[str, StandaloneComponent]:
            def component(data_dir: DataDir) -> Component:
                return tritonserver.component(data_dir, "accurate", folder, env, batches=batches)

            data_dir, running = started.enter_context(_running(component, "triton-accurate"))
            return tritonserver.url(data_dir, "accurate"), running

        yield start


@contextmanager
def stacks() -> Iterator[Callable[..., DisposableStack]]:
    """`private_stack` for a fixture of another scope."""
    with ExitStack() as started:

        def start(
            workers: Mapping[str, int] | None = None, env: Mapping[str, str] | None = None, *, autoscale: bool = False
        ) -> DisposableStack:
            data_dir = started.enter_context(_temporary_data_dir("stack"))
            chosen = TOY_MODELS | dict(env or {})
            stack = DisposableStack(data_dir.path, workers or {}, chosen, autoscale=autoscale)
            started.callback(stack.crash)
            stack.up()
            return stack

        yield start
