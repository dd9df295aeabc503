"""The images that run servers of others: they serve, keep their data, take a new password, and stop at once."""

from __future__ import annotations

import io
import tarfile
from textwrap import dedent

import pytest
from cluster.image_pods import STOPS_WITHIN_S, exec_probe, http_probe, variables
from cluster.images import ROOT
from support.eventually import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]

WHISPER = ROOT / "tests/fixtures/whisper/model"
PROBE = "/srv/triton/probe.py"
PASSWORD = "/tmp/password"  # noqa: S108 - in the pod
SHM = "/dev/shm"  # noqa: S108 - in the pod
AWKWARD = "pass'w\"ord\\ $x"


def run_python(pods, name, program):
    """Run a program in the image of upload, which has clients for all servers, and return what it prints."""
    pods.start(name, "upload", command=["python", "-c", dedent(program)])
    status = pods.wait_for_end(name)
    assert status == 0, pods.logs(name)
    return pods.logs(name).strip()


def address(pods, name):
    return pods.status(name)["podIP"]


def test_postgres_keeps_its_data_and_takes_a_new_password_at_every_start(image_pods, pod_name):
    # The password is a file in a volume that outlives the container, as a Secret does.
    wait = f"until [ -s {PASSWORD} ]; do sleep 0.1; done; exec start.sh"
    image_pods.start(
        pod_name,
        "postgres",
        restart="Always",
        command=["/bin/sh", "-c", wait],
        env=variables(POSTGRES_PASSWORD_FILE=PASSWORD),
        volumes={"/var/lib/postgres": {"emptyDir": {}}},
        readinessProbe=exec_probe("pg_isready", "--quiet", "--host=127.0.0.1"),
    )

    def psql(password, statement):
        command = f"psql -h 127.0.0.1 -U voicepipe -d voicepipe -tAc '{statement}'"
        return image_pods.exec(pod_name, "env", f"PGPASSWORD={password}", "sh", "-c", command, check=False).strip()

    def set_password(password):
        image_pods.exec(pod_name, "sh", "-c", f"cat >{PASSWORD}", given=password.encode())

    eventually(lambda: image_pods.status(pod_name).get("containerStatuses", [{}])[0].get("started"), 30)
    set_password("first")
    image_pods.wait_until_ready(pod_name)
    assert psql("first", "create table kept (x int); insert into kept values (7); select x from kept").endswith("7")
    assert psql("wrong", "select 1") == ""

    set_password(AWKWARD)
    image_pods.exec(pod_name, "sh", "-c", "kill -QUIT 1", check=False)  # stops without a checkpoint, as in a crash
    eventually(lambda: psql(AWKWARD, "select x from kept") == "7", 60, lambda: image_pods.logs(pod_name), 0.5)
    assert psql("first", "select 1") == ""
    assert AWKWARD not in image_pods.logs(pod_name)
    assert (
        image_pods.exec(pod_name, "psql", "-U", "postgres", "-d", "voicepipe", "-tAc", "select current_user")
        == "postgres\n"
    )


def test_postgres_stops_at_once_while_clients_are_connected(image_pods, pod_name, record_property):
    image_pods.secret(pod_name, password="secret")
    image_pods.start(
        pod_name,
        "postgres",
        env=variables(POSTGRES_PASSWORD_FILE="/secrets/password"),
        volumes={"/var/lib/postgres": {"emptyDir": {}}, "/secrets": {"secret": {"secretName": pod_name}}},
        readinessProbe=exec_probe("pg_isready", "--quiet", "--host=127.0.0.1"),
    )
    image_pods.wait_until_ready(pod_name)
    # kubectl exec returns only when no process has its output open.
    connect = "(sleep 60 | PGAPPNAME=idle psql -U postgres -d voicepipe) >/dev/null 2>&1 </dev/null &"
    image_pods.exec(pod_name, "sh", "-c", connect)
    connected = "select 1 from pg_stat_activity where application_name = 'idle'"
    psql = ("psql", "-U", "postgres", "-d", "voicepipe", "-tAc", connected)
    eventually(lambda: image_pods.exec(pod_name, *psql) == "1\n", 30)
    took_s, exit_status = image_pods.seconds_to_stop(pod_name, "INT")
    record_property("measured", f"postgres stopped in {took_s:.1f} s")
    assert exit_status == 0
    assert took_s < STOPS_WITHIN_S


def test_nats_asks_for_the_password_and_keeps_streams_and_stops_at_once(image_pods, pod_name, record_property):
    image_pods.secret(pod_name, password=AWKWARD)
    image_pods.start(
        pod_name,
        "nats",
        env=variables(NATS_PASSWORD_FILE="/secrets/password"),
        volumes={"/var/lib/nats": {"emptyDir": {}}, "/secrets": {"secret": {"secretName": pod_name}}},
        readinessProbe=http_probe("/healthz", 8222),
    )
    image_pods.wait_until_ready(pod_name)
    host = address(image_pods, pod_name)
    shown = run_python(
        image_pods,
        f"{pod_name}-client",
        f"""
        import asyncio, nats
        from nats.errors import Error

        async def main():
            client = await nats.connect("nats://{host}:4222", user="voicepipe", password={AWKWARD!r}, connect_timeout=20)
            stream = client.jetstream()
            await stream.add_stream(name="TRY", subjects=["try"])
            print((await stream.publish("try", b"x")).seq)
            await client.close()
            try:
                await nats.connect("nats://{host}:4222", user="voicepipe", password="no", allow_reconnect=False, connect_timeout=20)
            except Error as error:
                print(error)

        asyncio.run(main())
        """,
    )
    assert "1" in shown.splitlines()
    assert "Authorization" in shown.splitlines()[-1]
    took_s, _ = image_pods.seconds_to_stop(pod_name, "TERM")
    record_property("measured", f"nats stopped in {took_s:.1f} s")
    assert took_s < STOPS_WITHIN_S


def test_the_object_store_asks_for_the_keys_and_stores_and_stops_at_once(image_pods, pod_name, record_property):
    image_pods.secret(pod_name, access="voicepipe-access", secret="voicepipe+secret/1=")
    image_pods.start(
        pod_name,
        "object-store",
        env=variables(S3_ACCESS_KEY_FILE="/secrets/access", S3_SECRET_KEY_FILE="/secrets/secret"),
        volumes={"/var/lib/object-store": {"emptyDir": {}}, "/secrets": {"secret": {"secretName": pod_name}}},
        readinessProbe=http_probe("/healthz", 8333),
    )
    image_pods.wait_until_ready(pod_name)
    host = address(image_pods, pod_name)
    shown = run_python(
        image_pods,
        f"{pod_name}-client",
        f"""
        import io
        from minio import Minio
        from minio.error import S3Error

        client = Minio("{host}:8333", "voicepipe-access", "voicepipe+secret/1=", secure=False, region="us-east-1")
        client.make_bucket("try")
        client.put_object("try", "a/b", io.BytesIO(b"x" * 20_000_000), 20_000_000, part_size=8 << 20)
        print(client.stat_object("try", "a/b").size)
        try:
            Minio("{host}:8333", "voicepipe-access", "wrong", secure=False, region="us-east-1").list_buckets()
        except S3Error as error:
            print(error.code)
        """,
    )
    assert shown.split() == ["20000000", "SignatureDoesNotMatch"]
    # Usually one or two seconds, and 29 were seen: as if a part of it waited for another one.
    took_s, _ = image_pods.seconds_to_stop(pod_name, "TERM", timeout_s=60)
    record_property("measured", f"object store stopped in {took_s:.1f} s")
    assert took_s < 50  # its grace period is 60 s


def start_triton(pods, name):
    """A Triton with the small model of the tests, which is copied into a volume before the server starts."""
    pods.start(
        name,
        "triton",
        init={"command": ["/bin/sh", "-c", "until [ -e /models/complete ]; do sleep 0.1; done"]},
        env=variables(VOICEPIPE_WHISPER_MODEL="/models/tiny", VOICEPIPE_WHISPER_THREADS="1"),
        volumes={"/models": {"emptyDir": {}}, SHM: {"emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}}},
        readinessProbe=exec_probe("python3", PROBE, "ready"),
    )
    eventually(lambda: "running" in (pods.status(name).get("initContainerStatuses") or [{"state": {}}])[0]["state"], 60)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(WHISPER, "tiny")
        tar.addfile(tarfile.TarInfo("complete"))
    pods.exec(
        name, "tar", "--extract", "--no-same-owner", "--directory=/models", given=archive.getvalue(), container="init"
    )
    pods.wait_until_ready(name, 120)


def test_triton_is_ready_after_an_inference_and_not_with_a_dead_instance(image_pods, pod_name):
    start_triton(image_pods, pod_name)
    assert "a request succeeded" in image_pods.exec(pod_name, "python3", PROBE, "ready")
    assert image_pods.exec(pod_name, "python3", PROBE, "alive")

    kill_one = """
    import glob, os, signal
    stub = next(f for f in glob.glob("/proc/[0-9]*/cmdline") if b"triton_python_backend_stub" in open(f, "rb").read())
    os.kill(int(stub.split("/")[2]), signal.SIGKILL)
    """
    image_pods.exec(pod_name, "python3", "-c", dedent(kill_one))
    for verb in ("ready", "alive"):
        shown = image_pods.exec(pod_name, "sh", "-c", f"python3 {PROBE} {verb} 2>&1", check=False)
        assert shown == f"not {verb}: 2 of 3 instances of the model are running\n"


def test_triton_stops_by_itself(image_pods, pod_name, record_property):
    """Triton takes more than a second to unload each of the three instances of a model: longer than our own processes may take."""
    start_triton(image_pods, pod_name)
    took_s, status = image_pods.seconds_to_stop(pod_name, "TERM")
    record_property("measured", f"triton stopped in {took_s:.1f} s")
    assert status == 0
    assert took_s < STOPS_WITHIN_S
