"""Every image, as it was built and as the kubelet runs it: without rights, without an installer, and quick to stop."""

from __future__ import annotations

import subprocess

import pytest
from cluster.image_pods import STOPS_WITHIN_S, http_probe, variables
from cluster.images import BUILD, ROOT, tag_of
from support.eventually import eventually

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
# The installers that an image needs.
INSTALLERS = {"model-download": ["/opt/venv/lib/python3.11/site-packages/pip"]}
# Prints one line for everything that is wrong. The kubelet keeps the rest of the file system read only.
LOOK = """
[ "$(id -u):$(id -g)" = 10001:10001 ] || id
for program in pip pip3 gcc cc g++ make; do command -v $program; done
ls -d /var/lib/apt/lists/*_Packages* 2>/dev/null
find / -xdev \\( -name ensurepip -o -path '*/site-packages/pip' -o -name '*.whl' \\) -not -path '/proc/*' 2>/dev/null
touch /tmp/x || echo /tmp cannot be written to
"""


@pytest.mark.parametrize("image", IMAGES)
def test_its_user_is_a_number_and_its_labels_name_the_commit(built_images, image):
    config = built_images.config(tag_of(image))
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True, cwd=ROOT)
    labels = {key.rpartition(".")[2]: value for key, value in config["Labels"].items()}
    assert config["User"] == "10001:10001"
    assert labels["revision"].removesuffix("-dirty") == commit.stdout.strip()
    assert labels["title"] == f"voicepipe-{image}"
    assert labels["version"] == "0.1.0"


@pytest.mark.parametrize("image", IMAGES)
def test_it_contains_no_installer_and_no_compiler_and_can_write_to_tmp(image_pods, pod_name, image):
    image_pods.start(pod_name, image, command=["/bin/sh", "-c", LOOK])
    image_pods.wait_for_end(pod_name)
    assert image_pods.logs(pod_name).splitlines() == INSTALLERS.get(image, [])


def test_a_download_that_waits_can_be_stopped(image_pods, pod_name, built_images, record_property):
    """The pull of a model whose lock somebody else holds."""
    assert built_images.config(tag_of("model-download"))["StopSignal"] == "SIGINT"
    lock = "mkdir -p .locks && touch .locks/whisper-base && flock .locks/whisper-base sleep 600 & sleep 1"
    image_pods.start(
        pod_name,
        "model-download",
        command=["/bin/sh", "-c", f"cd /tmp; {lock}; exec python -m voicepipe_models pull whisper-base"],
        env=variables(VOICEPIPE_MODELS_DIR="."),
    )
    eventually(lambda: "waiting for it" in image_pods.logs(pod_name), 60, lambda: image_pods.logs(pod_name), 0.2)
    took_s, exit_status = image_pods.seconds_to_stop(pod_name, "INT")
    record_property("measured", f"model-download stopped in {took_s:.1f} s")
    assert exit_status == 130
    assert took_s < STOPS_WITHIN_S


@pytest.mark.parametrize("process", PROCESSES)
def test_a_service_without_servers_answers_its_probe_and_stops_by_itself(
    image_pods, pod_name, process, record_property
):
    image, arguments = PROCESSES[process]
    image_pods.start(pod_name, image, args=arguments, env=SETTINGS, readinessProbe=http_probe("/healthz", 8000))
    image_pods.wait_until_ready(pod_name)
    took_s, exit_status = image_pods.seconds_to_stop(pod_name, "TERM")
    record_property("measured", f"{process} stopped in {took_s:.1f} s")
    assert exit_status == 0
    assert took_s < STOPS_WITHIN_S


# Of an API server that does not exist.
KUBECONFIG = """
{"current-context": "none", "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}],
 "clusters": [{"name": "none", "cluster": {"server": "https://127.0.0.1:1"}}], "users": [{"name": "none", "user": {"token": "none"}}]}
"""


def test_the_autoscaler_without_servers_answers_its_probe_and_stops_by_itself(image_pods, pod_name, record_property):
    image_pods.secret(pod_name, config=KUBECONFIG)
    image_pods.start(
        pod_name,
        "autoscaler",
        env=[*SETTINGS, *variables(VOICEPIPE_NAMESPACE="none", KUBECONFIG="/kubernetes/config")],
        volumes={"/kubernetes": {"secret": {"secretName": pod_name}}},
        readinessProbe=http_probe("/healthz", 8000),
    )
    image_pods.wait_until_ready(pod_name)
    took_s, exit_status = image_pods.seconds_to_stop(pod_name, "TERM")
    record_property("measured", f"autoscaler stopped in {took_s:.1f} s")
    assert exit_status == 0
    assert took_s < STOPS_WITHIN_S


def test_an_autoscaler_without_an_account_says_what_is_missing(image_pods, pod_name):
    image_pods.start(pod_name, "autoscaler", env=[*SETTINGS, *variables(VOICEPIPE_NAMESPACE="none")])
    assert image_pods.wait_for_end(pod_name) == 2
    assert "automountServiceAccountToken" in image_pods.logs(pod_name)


def test_the_gateway_answers_its_probe_and_stops_by_itself(image_pods, pod_name, record_property):
    kinds = ("UPLOAD", "STATUS", "UPLOAD_GRPC", "STATUS_GRPC")
    addresses = variables(**{f"VOICEPIPE_{kind}_ADDRESSES": "127.0.0.1:1" for kind in kinds})
    image_pods.start(pod_name, "gateway", env=addresses, readinessProbe=http_probe("/healthz", 8081))
    image_pods.wait_until_ready(pod_name)
    took_s, _ = image_pods.seconds_to_stop(pod_name, "TERM")
    record_property("measured", f"gateway stopped in {took_s:.1f} s")
    assert took_s < STOPS_WITHIN_S


def test_migrations_that_wait_for_their_database_can_be_stopped(image_pods, pod_name, built_images, record_property):
    assert built_images.config(tag_of("migrations"))["StopSignal"] == "SIGINT"
    image_pods.start(pod_name, "migrations", env=SETTINGS)
    image_pods.wait_until_ready(pod_name)
    took_s, _ = image_pods.seconds_to_stop(pod_name, "INT")
    record_property("measured", f"migrations stopped in {took_s:.1f} s")
    assert took_s < STOPS_WITHIN_S


@pytest.mark.parametrize(
    ("image", "modules"),
    [
        ("upload", "voicepipe_upload.__main__"),
        ("status", "voicepipe_status.__main__"),
        ("orchestrator", "voicepipe_orchestrator.__main__"),
        ("migrations", "voicepipe_migrations.__main__"),
        ("autoscaler", "voicepipe_autoscaler.operator.__main__"),
        ("diarizer", "voicepipe_diarizer.__main__, voicepipe_models.__main__, pyannote.audio.pipelines"),
        ("model-download", "voicepipe_models.__main__, pip._internal.commands.download"),
        ("triton", "ctranslate2, tokenizers, http.client, json"),
    ],
)
def test_nothing_is_compiled_at_run_time(image_pods, pod_name, image, modules):
    # The interpreter says which files it reads; what it compiles it would write beside them, if it could.
    image_pods.start(pod_name, image, command=["python3", "-W", "ignore", "-v", "-c", f"import {modules}"])
    assert image_pods.wait_for_end(pod_name) == 0
    lines = image_pods.logs(pod_name).splitlines()
    assert any("matches" in line for line in lines)
    assert [
        line
        for line in lines
        if line.startswith("# code object from '") and "<frozen" not in line and ".pyc" not in line
    ] == []
