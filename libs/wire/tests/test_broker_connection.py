"""The connection to NATS: over TLS with a private authority, with a credentials file, and while the server is away."""

import base64
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import nkeys
import pytest
from support.eventually import eventually_async
from voicepipe_local.data_dir import free_port
from voicepipe_wire.errors import Unavailable
from voicepipe_wire.messaging import broker
from voicepipe_wire.settings import Settings

NATS = Path(sys.executable).with_name("nats-server")


@pytest.fixture
def nats_with(tmp_path):
    """Call it with a configuration to run a server; returns its port."""
    started = []

    def start(configuration):
        port = free_port()
        file = tmp_path / "nats.conf"
        store = f'jetstream {{ store_dir: "{tmp_path / "store"}" }}\n'
        file.write_text(f'listen: "127.0.0.1:{port}"\n{store}{configuration}')
        started.append(subprocess.Popen([NATS, "-c", file], stderr=subprocess.DEVNULL))
        return port

    yield start
    for process in started:
        process.terminate()
        process.wait()


def settings(url, **more):
    return Settings(database_url="postgresql://", s3_access_key="", s3_secret_key="", nats_url=url, **more)


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def certificates(tmp_path):
    """A private authority, and a certificate for localhost that it has signed."""
    new_key = ("-newkey", "rsa:2048", "-nodes")
    openssl(tmp_path, "req", "-x509", *new_key, "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.crt")
    openssl(tmp_path, "req", *new_key, "-subj", "/CN=nats", "-keyout", "nats.key", "-out", "nats.csr")
    (tmp_path / "names").write_text("subjectAltName=DNS:localhost")
    signed_by = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names")
    openssl(tmp_path, "x509", "-req", "-in", "nats.csr", *signed_by, "-out", "nats.crt")
    return tmp_path


async def test_a_server_with_a_certificate_of_a_private_authority_is_trusted_only_with_that_authority(
    nats_with, certificates
):
    port = nats_with(f'tls {{ cert_file: "{certificates}/nats.crt", key_file: "{certificates}/nats.key" }}\n')
    url = f"tls://localhost:{port}"
    async with broker.connect(settings(url, ca_file=certificates / "ca.crt"), "test") as jetstream:
        await eventually_async(lambda: jetstream.is_connected)
        await jetstream.ensure_streams()
    async with broker.connect(settings(url), "test") as jetstream:
        await eventually_async(lambda: _reason(jetstream, "certificate"))


async def test_a_credentials_file_is_accepted_and_no_one_gets_in_without_it(nats_with, tmp_path):
    configuration, credentials = decentralized_accounts()
    file = tmp_path / "user.creds"
    file.write_text(credentials)
    url = f"nats://127.0.0.1:{nats_with(configuration)}"
    async with broker.connect(settings(url, nats_credentials_file=file), "test") as jetstream:
        await eventually_async(lambda: jetstream.is_connected)
        await jetstream.ensure_streams()
    async with broker.connect(settings(url), "test") as jetstream:
        await eventually_async(lambda: _reason(jetstream, "uthorization"))


async def test_a_server_that_is_away_is_named_as_the_reason_and_found_when_it_comes_back(private_nats):
    url, server = private_nats()
    server.kill()
    async with broker.connect(settings(url), "test") as jetstream:
        with pytest.raises(Unavailable, match="NATS is unavailable"):
            await jetstream.publish("work.prepare.standard", b"", {})
        await eventually_async(lambda: _reason(jetstream, "ConnectionRefused"))
        server.start()
        await eventually_async(lambda: jetstream.is_connected)


async def _reason(jetstream, expected) -> bool:
    try:
        await jetstream.check()
    except Unavailable as error:
        return expected in str(error)
    return False


def decentralized_accounts():
    """The configuration of a server with an operator and an account, and the credentials file of a user.

    The tokens are those of NATS: https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/jwt
    """
    operator, account, user, system = (new_key(prefix) for prefix in ("operator", "account", "user", "account"))
    limits = {"subs": -1, "data": -1, "payload": -1, "conn": -1, "leaf": -1, "imports": -1, "exports": -1}
    storage = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}
    operator_token = token(operator, operator, {"type": "operator"})
    account_token = token(operator, account, {"type": "account", "limits": {**limits, **storage, "wildcards": True}})
    system_token = token(operator, system, {"type": "account", "limits": {**limits, "wildcards": True}})
    user_token = token(account, user, {"type": "user", "subs": -1, "data": -1, "payload": -1})
    configuration = f"""
operator: {operator_token}
system_account: {public(system)}
resolver: MEMORY
resolver_preload: {{ {public(account)}: {account_token}, {public(system)}: {system_token} }}
"""
    marks = ("NATS USER JWT", user_token, "USER NKEY SEED", user.seed.decode())
    credentials = "-----BEGIN {0}-----\n{1}\n------END {0}------\n\n-----BEGIN {2}-----\n{3}\n------END {2}------\n"
    return configuration, credentials.format(*marks)


PREFIXES = {
    "operator": nkeys.PREFIX_BYTE_OPERATOR,
    "account": nkeys.PREFIX_BYTE_ACCOUNT,
    "user": nkeys.PREFIX_BYTE_USER,
}


def new_key(kind):
    return nkeys.from_seed(nkeys.encode_seed(os.urandom(32), PREFIXES[kind]))


def public(key):
    return key.public_key.decode()


def token(issuer, subject, claims):
    content = {"iss": public(issuer), "sub": public(subject), "iat": int(time.time()), "name": "test"}
    content["nats"] = {"version": 2, **claims}
    content["jti"] = base64.b32encode(hashlib.sha256(json.dumps(content).encode()).digest()).decode().rstrip("=")
    parts = [encoded(json.dumps({"typ": "JWT", "alg": "ed25519-nkey"})), encoded(json.dumps(content))]
    signature = issuer.sign(".".join(parts).encode())
    return ".".join([*parts, encoded(signature)])


def encoded(data):
    return base64.urlsafe_b64encode(data if isinstance(data, bytes) else data.encode()).decode().rstrip("=")
