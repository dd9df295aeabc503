"""A fake server that fails on demand, and clients that retry quickly."""

import os

import pytest
from fake_routes import KEY
from fake_rpc import serving_rpc
from fake_server import QUICK, FakeServer, make_app, serving
from typer.testing import CliRunner
from voicepipe.__main__ import app
from voicepipe.client import Client


@pytest.fixture(scope="session")
def _app():
    return make_app(None)


@pytest.fixture(scope="session")
def _address(_app):
    with serving(_app) as address:
        yield address


@pytest.fixture(scope="session")
def _rpc_address(_app):
    with serving_rpc(_app.state) as address:
        yield address


@pytest.fixture
def protocol():
    """A module that tests every protocol has its own."""
    return "rest"


@pytest.fixture
def fake():
    return FakeServer()


@pytest.fixture
def url(fake, protocol, _app, request):
    """The address of the fake server. All tests share the server; each has its own state."""
    _app.state.fake = fake
    yield request.getfixturevalue("_rpc_address" if protocol == "grpc" else "_address")
    if fake.faults.hold is not None:
        fake.faults.hold.set()


@pytest.fixture
def memory(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def connect(url, protocol):
    def connect(address=None, key=KEY, pace=QUICK, **more):
        return Client(address or url, key, protocol=protocol, pace=pace, **more)

    return connect


@pytest.fixture
async def client(connect, memory):
    async with connect(memory=memory) as client:
        yield client


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "meeting.wav"
    path.write_bytes(bytes(range(256)) * 8192)  # 2 MiB, several blocks
    return path


@pytest.fixture
def environ(url, tmp_path):
    homes = {name: str(tmp_path / name) for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME")}
    return {"VOICEPIPE_URL": url, "VOICEPIPE_API_KEY": KEY, "COLUMNS": "200", **homes}


@pytest.fixture
def voicepipe(environ, monkeypatch):
    for name in [name for name in os.environ if name.startswith("VOICEPIPE_")]:
        monkeypatch.delenv(name)

    def run(*words, url=None, **more):
        return CliRunner().invoke(
            app, [str(word) for word in words], env=environ | ({"VOICEPIPE_URL": url} if url else {}), **more
        )

    return run
