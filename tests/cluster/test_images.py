"""Every image, as it was built and as the kubelet runs it: without rights, without an installer, and quick to stop."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from itertools import count

import pytest
from cluster.image_pods import Pods, http_probe, variables
from cluster.images import BUILD, ROOT, builder_environment, cluster_environment, load_image, start_one_node, tag_of

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]

IMAGES = tuple(BUILD.BY_DEFAULT)
# None of these servers exists: a service waits for them, and must still answer its probes and stop at once.
SETTINGS = variables(
    VOICEPIPE_DATABASE_URL="postgresql://voicepipe:none@127.0.0.1:1/voicepipe",
    VOICEPIPE_NATS_URL="nats://voicepipe:none@127.0.0.1:1",
    VOICEPIPE_S3_ENDPOINT="http://127.0.0.1:1",
    VOICEPIPE_S3_ACCESS_KEY="none",
    VOICEPIPE_S3_SECRET_KEY="none",
    VOICEPIPE_POOL="accurate",
    VOICEPIPE_POOLS="accurate",
    VOICEPIPE_TRITON_URL="127.0.0.1:1",
    VOICEPIPE_DIARIZATION_MODEL="/models/none",
)
PROCESSES = {
    "upload": ("upload", []),
    "status": ("status", []),
    **{role: ("orchestrator", [role]) for role in ("prepare", "transcribe", "assemble", "controller")},
    "diarizer": ("diarizer", []),
}
# Prints one line for everything that an image must not contain.
LOOK = """
[ "$(id -u):$(id -g)" = 10001:10001 ] || id
for program in pip pip3 gcc cc g++ make; do command -v $program; done
ls -d /var/lib/apt/lists/*_Packages* 2>/dev/null
find / -xdev \\( -name ensurepip -o -name pip -o -name '*.whl' \\) -not -path '/proc/*' 2>/dev/null
find / -xdev -perm /6000 -type f -newer /etc/debian_version -path '/opt/*' 2>/dev/null
touch /app /opt/x /usr/x /var/x 2>/dev/null && echo the file system can be written to
touch /tmp/x || echo /tmp cannot be written to
"""


@pytest.fixture(scope="session")
def builder() -> BUILD.Builder:
    try:
        return BUILD.Builder.of(builder_environment())
    except BUILD.CannotBuild as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def built(builder: BUILD.Builder) -> BUILD.Builder:
    """The builder, after it has built every image from this checkout."""
    assert BUILD.main([], builder_environment() | {"TAG": tag_of("x").rpartition(":")[2]}) == 0
    return builder


@pytest.fixture(scope="session")
def pods(built: BUILD.Builder) -> Iterator[Pods]:
    environment = cluster_environment()
    if environment is None:
        pytest.skip("there is no cluster: set KUBECONFIG, and IMAGE_LOADER to the command that loads an image into it")
    start_one_node()
    for image in IMAGES:
        load_image(image)
    with Pods("voicepipe-images", environment) as started:
        yield started


@pytest.fixture
def name(request: pytest.FixtureRequest, _numbers: count[int] = count()) -> str:
    return f"pod-{next(_numbers)}"


@pytest.mark.parametrize("image", IMAGES)
def test_its_user_is_a_number_and_its_labels_name_the_commit(built, image):
    config = built.config(tag_of(image))
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True, cwd=ROOT)
    labels = {key.rpartition(".")[2]: value for key, value in config["Labels"].items()}
    assert config["User"] == "10001:10001"
    assert labels["revision"].removesuffix("-dirty") == commit.stdout.strip()
    assert labels["title"] == f"voicepipe-{image}"
    assert labels["version"] == "0.1.0"


@pytest.mark.parametrize("image", IMAGES)
def test_it_contains_no_installer_and_no_compiler_and_can_write_only_to_tmp(pods, name, image):
    pods.start(name, image, command=["/bin/sh", "-c", LOOK])
    pods.wait_for_end(name)
    assert pods.logs(name) == ""


@pytest.mark.parametrize("process", PROCESSES)
def test_a_service_without_servers_answers_its_probe_and_stops_in_two_seconds(pods, name, process, record_property):
    image, arguments = PROCESSES[process]
    pods.start(name, image, args=arguments, env=SETTINGS, readinessProbe=http_probe("/healthz", 8000))
    pods.wait_until_ready(name)
    took_s, exit_status = pods.seconds_to_stop(name, "TERM")
    record_property("measured", f"{process} stopped in {took_s:.1f} s")
    assert exit_status == 0
    assert took_s < 2


def test_the_gateway_answers_its_probe_and_stops_in_two_seconds(pods, name, record_property):
    addresses = variables(VOICEPIPE_UPLOAD_ADDRESSES="127.0.0.1:1", VOICEPIPE_STATUS_ADDRESSES="127.0.0.1:1")
    pods.start(name, "gateway", env=addresses, readinessProbe=http_probe("/healthz", 8080))
    pods.wait_until_ready(name)
    took_s, _ = pods.seconds_to_stop(name, "TERM")
    record_property("measured", f"gateway stopped in {took_s:.1f} s")
    assert took_s < 2


def test_migrations_that_wait_for_their_database_can_be_stopped(pods, name, built, record_property):
    assert built.config(tag_of("migrations"))["StopSignal"] == "SIGINT"
    pods.start(name, "migrations", env=SETTINGS)
    pods.wait_until_ready(name)
    took_s, _ = pods.seconds_to_stop(name, "INT")
    record_property("measured", f"migrations stopped in {took_s:.1f} s")
    assert took_s < 2


@pytest.mark.parametrize(
    ("image", "modules"),
    [
        ("upload", "voicepipe_upload.__main__"),
        ("status", "voicepipe_status.__main__"),
        ("orchestrator", "voicepipe_orchestrator.__main__"),
        ("migrations", "voicepipe_migrations.__main__"),
        ("diarizer", "voicepipe_diarizer.__main__, voicepipe_models.__main__, pyannote.audio.pipelines"),
        ("triton", "ctranslate2, tokenizers, http.client, json"),
    ],
)
def test_nothing_is_compiled_at_run_time(pods, name, image, modules):
    # The interpreter says which files it reads; what it compiles it would write beside them, if it could.
    pods.start(name, image, command=["python3", "-W", "ignore", "-v", "-c", f"import {modules}"])
    assert pods.wait_for_end(name) == 0
    lines = pods.logs(name).splitlines()
    assert any("matches" in line for line in lines)
    assert [
        line
        for line in lines
        if line.startswith("# code object from '") and "<frozen" not in line and ".pyc" not in line
    ] == []
