"""What the parts of an installation consist of: pools, models, servers, gateway, `helm test`."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest
from voicepipe_models import Kind, load_catalogue, named

from chart.rendering import OWN_SERVERS, Object, containers, environment, job, names, one, pods, render


def deployment(objects: list[Object], name: str) -> Object:
    spec: Object = one(objects, "Deployment", name)["spec"]["template"]["spec"]
    return spec


def container(spec: Object, name: str) -> Object:
    return next(item for item in containers({"spec": spec}) if item["name"] == name)


def test_a_triton_starts_before_its_worker_and_stops_after_it() -> None:
    spec = deployment(render(), "transcribe-fast")
    assert [item["name"] for item in spec["initContainers"]] == ["model", "triton"]
    triton = container(spec, "triton")
    assert triton["restartPolicy"] == "Always"
    for probe, verb in (("startupProbe", "ready"), ("readinessProbe", "ready"), ("livenessProbe", "alive")):
        assert triton[probe]["exec"]["command"] == ["python3", "/srv/triton/probe.py", verb]
    assert "/dev/shm" in {mount["mountPath"] for mount in triton["volumeMounts"]}  # noqa: S108 - no temporary file


def test_a_pool_on_a_cpu_sees_no_gpu() -> None:
    spec = deployment(render(), "transcribe-accurate")
    variables = environment(container(spec, "triton"))
    assert variables["NVIDIA_VISIBLE_DEVICES"] == "void"
    assert (variables["VOICEPIPE_WHISPER_DEVICE"], variables["VOICEPIPE_TRITON_CONFIG"]) == ("cpu", "cpu")
    assert variables["VOICEPIPE_WHISPER_MODEL"] == "/models/whisper-base"
    settings = one(render(), "ConfigMap", "transcribe-accurate")["data"]
    assert (settings["VOICEPIPE_MODEL_REQUESTS"], settings["VOICEPIPE_MODEL_REQUESTS_PER_JOB"]) == ("3", "2")
    assert (settings["VOICEPIPE_POOL"], settings["VOICEPIPE_TRITON_URL"]) == ("accurate", "127.0.0.1:8001")


@pytest.mark.parametrize(("name", "worker"), [("transcribe-accurate", "triton"), ("diarizer", "diarizer")])
def test_a_gpu_is_requested_from_the_device_plugin_alone(name: str, worker: str) -> None:
    gpu = {"resourceName": "nvidia.com/mig-1g.10gb", "runtimeClassName": "nvidia", "nodeSelector": {"gpu": "L4"}}
    objects = render({"gpu": gpu, "pools": {"accurate": {"device": "gpu"}}, "diarizer": {"device": "gpu"}})
    spec = deployment(objects, name)
    computing = container(spec, worker)
    assert computing["resources"]["limits"]["nvidia.com/mig-1g.10gb"] == 1
    assert not {"NVIDIA_VISIBLE_DEVICES", "LD_LIBRARY_PATH"} & set(environment(computing))
    assert "-gpu:" in computing["image"]
    assert spec["runtimeClassName"] == "nvidia"
    assert spec["nodeSelector"] == {"gpu": "L4", "kubernetes.io/arch": "amd64"}
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in spec["tolerations"]
    others = [item for item in containers({"spec": spec}) if item["name"] != worker]
    assert not any("nvidia.com/mig-1g.10gb" in item["resources"]["limits"] for item in others)


def test_a_pool_on_a_gpu_keeps_two_batches_in_flight() -> None:
    settings = one(render({"pools": {"fast": {"device": "gpu"}}}), "ConfigMap", "transcribe-fast")["data"]
    assert settings["VOICEPIPE_MODEL_REQUESTS"] == "16"
    assert "VOICEPIPE_MODEL_REQUESTS_PER_JOB" not in settings


def test_a_pool_with_a_triton_of_ones_own_has_only_its_worker() -> None:
    objects = render({"pools": {"fast": {"tritonUrl": "dns:///triton:8001"}}})
    spec = deployment(objects, "transcribe-fast")
    assert "initContainers" not in spec
    assert [item["name"] for item in spec["containers"]] == ["transcribe"]
    assert one(objects, "ConfigMap", "transcribe-fast")["data"]["VOICEPIPE_TRITON_URL"] == "dns:///triton:8001"
    assert job(objects, "models")["spec"]["template"]["spec"]["containers"][0]["args"] == ["whisper-base"]


def test_only_the_enabled_pools_are_declared_and_served() -> None:
    objects = render({"pools": {"fast": {"enabled": False}}})
    assert one(objects, "ConfigMap", "controller")["data"]["VOICEPIPE_POOLS"] == "accurate"
    assert one(render(), "ConfigMap", "controller")["data"]["VOICEPIPE_POOLS"] == "accurate,fast"
    assert not any("fast" in name for name in names(objects, "Deployment"))


@pytest.mark.parametrize("enabled", [True, False])
def test_all_who_ask_know_whether_there_is_a_diarizer(enabled: bool) -> None:
    objects = render({"diarizer": {"enabled": enabled}})
    for name in ("status", "prepare", "controller"):
        assert one(objects, "ConfigMap", name)["data"]["VOICEPIPE_SPEAKERS"] == str(enabled).lower()
    assert ("diarizer" in names(objects, "Deployment")) == enabled
    assert not any("diarizer" in str(item) for item in objects if item["kind"] == "NetworkPolicy") or enabled


def test_models_are_downloaded_by_a_job_and_mounted_read_only() -> None:
    objects = render()
    speech, speakers = job(objects, "models")["spec"]["template"]["spec"]["containers"]
    assert speech["args"] == ["whisper-base", "whisper-tiny.en"]
    assert speakers["args"] == ["pyannote-campplus"]
    assert (
        one(objects, "PersistentVolumeClaim", "models")["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    )
    for name in ("transcribe-accurate", "transcribe-fast", "diarizer"):
        for item in containers({"spec": deployment(objects, name)}):
            for mount in item["volumeMounts"]:
                assert mount["name"] != "models" or mount["readOnly"]


@pytest.mark.parametrize(
    ("model", "folder"),
    [
        ("whisper-base", "/models/whisper-base"),
        ("owner/name", "/models/owner--name"),
        ("owner/name@main", "/models/owner--name"),
        ("owner/name@v1.0", "/models/owner--name@v1.0"),
    ],
)
def test_the_folder_of_a_model_is_the_one_that_a_pull_makes(model: str, folder: str) -> None:
    pulled = named(model, Kind.SPEECH, load_catalogue())
    assert pulled is not None
    assert f"/models/{pulled.name}" == folder
    objects = render({"pools": {"fast": {"model": model}}})
    assert environment(container(deployment(objects, "transcribe-fast"), "triton"))["VOICEPIPE_WHISPER_MODEL"] == folder


def test_models_from_an_image_need_no_volume_and_no_network() -> None:
    objects = render({"models": {"source": "image"}, "images": {"models": {"repository": "weights", "tag": "3"}}})
    assert names(objects, "PersistentVolumeClaim") == set()
    assert not any(name.startswith("models") for name in names(objects, "Job") | names(objects, "NetworkPolicy"))
    for name in ("transcribe-accurate", "diarizer"):
        spec = deployment(objects, name)
        copying = spec["initContainers"][0]
        assert (copying["image"], copying["command"]) == ("weights:3", ["cp", "-R", "/models/.", "/target/"])
        (volume,) = (item for item in spec["volumes"] if item["name"] == "models")
        assert "emptyDir" in volume


def test_models_from_a_claim_are_only_mounted() -> None:
    objects = render({"models": {"source": "claim", "claim": {"name": "weights"}}})
    assert names(objects, "PersistentVolumeClaim") == set()
    (volume,) = (item for item in deployment(objects, "diarizer")["volumes"] if item["name"] == "models")
    assert volume["persistentVolumeClaim"] == {"claimName": "weights"}


def test_bundled_servers_share_one_secret_that_outlives_the_release() -> None:
    secret = one(render(), "Secret", "bundled")
    assert secret["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    data = {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}
    assert (
        data["database-url"]
        == f"postgresql://voicepipe:{data['postgres-password']}@release-voicepipe-postgres:5432/voicepipe"
    )
    assert data["nats-url"] == f"nats://voicepipe:{data['nats-password']}@release-voicepipe-nats:4222"
    assert re.fullmatch(r"vp_\w{43}", data["api-key"])


@pytest.mark.parametrize(
    ("server", "files"),
    [
        ("postgres", {"POSTGRES_PASSWORD_FILE": "postgres-password"}),
        ("nats", {"NATS_PASSWORD_FILE": "nats-password"}),
        ("object-store", {"S3_ACCESS_KEY_FILE": "access-key", "S3_SECRET_KEY_FILE": "secret-key"}),
    ],
)
def test_a_bundled_server_reads_its_password_from_a_file(server: str, files: dict[str, str]) -> None:
    spec = one(render(), "StatefulSet", server)["spec"]["template"]["spec"]
    folder = "/run/voicepipe/secrets"
    assert environment(spec["containers"][0]) == {name: f"{folder}/{key}" for name, key in files.items()}
    (volume,) = (item for item in spec["volumes"] if item["name"] == "secrets")
    assert volume["secret"]["items"] == [{"key": key, "path": key} for key in files.values()]
    assert folder in {mount["mountPath"] for mount in spec["containers"][0]["volumeMounts"]}


def test_a_secret_of_ones_own_replaces_the_generated_one() -> None:
    objects = render({"bundled": {"existingSecret": "mine"}})
    assert names(objects, "Secret") == set()
    assert secrets(objects) == {"mine"}


def test_production_only_refers_to_secrets_that_exist() -> None:
    objects = render({**OWN_SERVERS, "production": True, "apiKey": {"existingSecret": "key"}})
    assert names(objects, "Secret") == set()
    assert secrets(objects) == {"db", "nats", "s3", "key"}


def secrets(objects: list[Object]) -> set[str]:
    """The Secrets that pods mount."""
    found = set()
    for _, pod in pods(objects):
        for volume in pod["spec"].get("volumes", []):
            found |= {volume["secret"]["secretName"]} if "secret" in volume else set()
            found |= {source["secret"]["name"] for source in volume.get("projected", {}).get("sources", [])}
    return found


def test_volumes_of_bundled_servers_are_kept() -> None:
    for name in ("postgres", "nats", "object-store"):
        spec = one(render(), "StatefulSet", name)["spec"]
        assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
        # These can never be changed, so no version may be in them.
        assert "version" not in str(spec["volumeClaimTemplates"])


def test_tls_and_encryption_of_the_servers_reach_every_process() -> None:
    objects = render("existing-servers")
    for name in ("upload", "status", "prepare", "transcribe-accurate", "assemble", "controller", "diarizer"):
        settings = one(objects, "ConfigMap", name)["data"]
        assert settings["VOICEPIPE_CA_FILE"] == "/etc/voicepipe/ca/ca.crt"
        assert settings["VOICEPIPE_NATS_CREDENTIALS_FILE"] == "/run/voicepipe/secrets/nats.creds"
        assert settings["VOICEPIPE_NATS_REPLICAS"] == "3"
        assert settings["VOICEPIPE_S3_ENDPOINT"] == "https://s3.example.org:9000"
        assert settings["VOICEPIPE_S3_SERVER_SIDE_ENCRYPTION"] == "AES256"
        mounts = {mount["mountPath"] for mount in deployment(objects, name)["containers"][0]["volumeMounts"]}
        assert "/etc/voicepipe/ca" in mounts
    assert "/etc/voicepipe/ca" in str(job(objects, "migrations"))


def test_an_image_has_its_registry_tag_and_digest() -> None:
    spec = deployment(render("everything-set"), "assemble")
    assert spec["containers"][0]["image"] == (
        "registry.example.org/speech/voicepipe/orchestrator:1.2.3"
        "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    )
    assert spec["imagePullSecrets"] == [{"name": "registry"}]


def test_settings_of_a_component_extend_those_of_all_pods() -> None:
    objects = render("everything-set")
    spec = deployment(objects, "assemble")
    assert spec["nodeSelector"] == {"kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux"}
    assert [item["key"] for item in spec["tolerations"]] == ["reserved", "dedicated"]
    assert set(spec["affinity"]) == {"nodeAffinity", "podAntiAffinity"}
    assert spec["priorityClassName"] == "serving"
    labels = one(objects, "Deployment", "assemble")["spec"]["template"]["metadata"]["labels"]
    assert (labels["team"], labels["cost-centre"]) == ("speech", "42")


@pytest.mark.parametrize("kind", ["caddy", "ingress", "httpRoute", "none"])
def test_uploads_go_to_upload_and_everything_else_to_status(kind: str) -> None:
    route = {"parentRefs": [{"name": "public"}], "hostnames": ["voicepipe.example.org"]}
    objects = render({"gateway": {"type": kind, "httpRoute": route}})
    assert ("gateway" in names(objects, "Deployment")) == (kind in {"caddy", "ingress"})
    assert [item["kind"] for item in objects if item["kind"] in {"Ingress", "HTTPRoute"}] == {
        "ingress": ["Ingress"],
        "httpRoute": ["HTTPRoute"],
    }.get(kind, [])
    test = environment(one(objects, "Pod", "test")["spec"]["containers"][0])
    if kind in {"caddy", "ingress"}:
        assert test["UPLOAD_URL"] == test["STATUS_URL"] == "http://release-voicepipe-gateway"
    else:
        assert test["UPLOAD_URL"] == "http://release-voicepipe-upload:8000"
        assert test["STATUS_URL"] == "http://release-voicepipe-status:8000"


def test_an_httproute_sends_a_post_to_upload_and_never_times_out() -> None:
    route = next(item for item in render("gpu-cluster") if item["kind"] == "HTTPRoute")["spec"]
    upload, status, *_ = route["rules"]
    assert {"path": {"type": "Exact", "value": "/v1/transcriptions"}, "method": "POST"} in upload["matches"]
    assert upload["backendRefs"][0]["name"].endswith("-upload")
    assert status["backendRefs"][0]["name"].endswith("-status")
    assert all(rule["timeouts"] == {"request": "0s"} for rule in route["rules"])


@pytest.mark.parametrize(
    ("preset", "annotation"),
    [
        ("nginx", "nginx.ingress.kubernetes.io/proxy-body-size"),
        ("nginx", "nginx.org/client-max-body-size"),
        ("traefik", "traefik.ingress.kubernetes.io/router.entrypoints"),
    ],
)
def test_a_preset_of_the_ingress_annotates_it_for_its_controller(preset: str, annotation: str) -> None:
    assert annotation in annotations_of_ingress(preset=preset)


def test_an_ingress_without_a_preset_has_no_annotations() -> None:
    assert annotations_of_ingress(preset="none") == {}


def test_an_annotation_replaces_that_of_the_preset() -> None:
    own = {"nginx.ingress.kubernetes.io/proxy-body-size": "10g"}
    assert annotations_of_ingress(annotations=own).items() > own.items()


def annotations_of_ingress(**values: Any) -> dict[str, str]:
    objects = render({"gateway": {"type": "ingress", "ingress": values}})
    (ingress,) = (item for item in objects if item["kind"] == "Ingress")
    annotations: dict[str, str] = ingress["metadata"].get("annotations", {})
    return annotations


def test_caddy_speaks_https_with_a_certificate() -> None:
    objects = render({"gateway": {"tlsSecret": "tls"}})
    settings = one(objects, "ConfigMap", "gateway")["data"]
    assert settings["VOICEPIPE_GATEWAY_ADDRESS"] == "https://:8080"
    assert settings["VOICEPIPE_GATEWAY_TLS"] == "tls /etc/voicepipe/tls/tls.crt /etc/voicepipe/tls/tls.key"
    assert one(objects, "Service", "gateway")["spec"]["ports"][0]["port"] == 443
    test = environment(one(objects, "Pod", "test")["spec"]["containers"][0])
    assert test["UPLOAD_URL"] == "https://release-voicepipe-gateway"


def test_the_clip_of_the_test_is_in_the_chart() -> None:
    content: dict[str, Any] = one(render(), "ConfigMap", "test")
    assert base64.b64decode(content["binaryData"]["clip.ogg"])[:4] == b"OggS"
    compile(content["data"]["transcribe.py"], "transcribe.py", "exec")
