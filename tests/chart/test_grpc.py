"""gRPC from a client to the pods: the same services by every kind of gateway."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import FileDescriptor
from grpc_health.v1 import health
from grpc_reflection.v1alpha import reflection
from voicepipe_api.v1 import admin_pb2, installation_pb2, transcriptions_pb2, uploads_pb2

from chart.rendering import ROOT, Object, containers, installation, names, one, render

HTTPROUTE = {"type": "httpRoute", "httpRoute": {"parentRefs": [{"name": "public"}]}}
H2C = "kubernetes.io/h2c"


def services(files: Iterable[FileDescriptor]) -> set[str]:
    return {service.full_name for file in files for service in file.services_by_name.values()}


# What each component serves.
SERVED = {
    "upload": services([uploads_pb2.DESCRIPTOR]),
    "status": services([transcriptions_pb2.DESCRIPTOR, installation_pb2.DESCRIPTOR, admin_pb2.DESCRIPTOR])
    | {health.SERVICE_NAME, reflection.SERVICE_NAME},
}


def of_kind(objects: list[Object], kind: str) -> list[Object]:
    return [item for item in objects if item["kind"] == kind]


def grpc_rules(route: Object) -> dict[str, Object]:
    """The rules that lead to a port for gRPC, by their component."""
    rules = {}
    for rule in route["spec"]["rules"]:
        (backend,) = rule["backendRefs"]
        if backend["port"] == 9000:
            rules[backend["name"].removeprefix("release-voicepipe-")] = rule
    return rules


@pytest.mark.parametrize("name", ["upload", "status"])
def test_pods_listen_for_grpc_and_their_service_says_that_it_is_http_2_without_tls(name: str) -> None:
    objects = render()
    (container,) = containers(one(objects, "Deployment", name)["spec"]["template"])
    assert {"name": "grpc", "containerPort": 9000} in container["ports"]
    settings = one(objects, "ConfigMap", name)["data"]
    assert (settings["VOICEPIPE_GRPC_HOST"], settings["VOICEPIPE_GRPC_PORT"]) == ("0.0.0.0", "9000")  # noqa: S104
    ports = {port["name"]: port for port in one(objects, "Service", name)["spec"]["ports"]}
    assert ports["grpc"] == {"name": "grpc", "port": 9000, "targetPort": "grpc", "appProtocol": H2C}
    assert "appProtocol" not in ports["http"]


def test_reflection_and_the_age_of_connections_can_be_set() -> None:
    changed = render({"grpc": {"reflection": False, "connectionAgeSeconds": 600}})
    for objects, reflects, age_s in ((render(), "true", "3600"), (changed, "false", "600")):
        for name in ("upload", "status"):
            settings = one(objects, "ConfigMap", name)["data"]
            assert settings["VOICEPIPE_GRPC_REFLECTION"] == reflects
            assert settings["VOICEPIPE_GRPC_CONNECTION_AGE_S"] == age_s


def test_caddy_finds_every_pod_by_the_name_of_a_service_without_an_address() -> None:
    """An HTTP/2 connection to the address of a Service leads to one pod."""
    objects = render()
    found = upstreams(one(objects, "ConfigMap", "gateway")["data"])
    for component in SERVED:
        pods = one(objects, "Service", f"{component}-pods")
        assert pods["spec"]["clusterIP"] == "None"
        assert pods["spec"]["selector"] == one(objects, "Service", component)["spec"]["selector"]
        name = pods["metadata"]["name"]
        assert {"source": "a", "name": name, "port": "9000", "refresh": 5_000_000_000} in found


def upstreams(settings: dict[str, str]) -> list[Object]:
    """The upstreams that Caddy finds by itself, when it runs with these settings."""
    caddy = str(Path(sys.executable).with_name("caddy"))
    command = [caddy, "adapt", "--adapter=caddyfile", f"--config={ROOT / 'deploy/gateway/Caddyfile'}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=settings)
    found: list[Object] = []
    json.loads(done.stdout, object_hook=lambda item: found.append(item) or item)
    return [item["dynamic_upstreams"] for item in found if "dynamic_upstreams" in item]


@pytest.mark.parametrize("name", ["no gateway", "a GRPCRoute"])
def test_without_caddy_nobody_needs_the_addresses_of_pods(name: str) -> None:
    assert not any(service.endswith("-pods") for service in names(installation(name), "Service"))


def test_an_httproute_leads_every_grpc_service_to_the_component_that_serves_it() -> None:
    (route,) = of_kind(render({"gateway": HTTPROUTE}), "HTTPRoute")
    rules = grpc_rules(route)
    for component, served in SERVED.items():
        matches = [match["path"] for match in rules[component]["matches"]]
        assert {match["value"] for match in matches} == {f"/{service}" for service in served}
        assert {match["type"] for match in matches} == {"PathPrefix"}
        assert rules[component]["timeouts"] == {"request": "0s"}
    assert rules.keys() == SERVED.keys()


def test_hosts_for_grpc_get_a_grpcroute_in_place_of_the_rules_of_the_httproute() -> None:
    objects = installation("a GRPCRoute")
    (http,), (grpc,) = of_kind(objects, "HTTPRoute"), of_kind(objects, "GRPCRoute")
    assert grpc_rules(http) == {}
    assert grpc["spec"]["parentRefs"] == http["spec"]["parentRefs"]
    assert grpc["spec"]["hostnames"] == ["grpc.voicepipe.example.org"]
    rules = grpc_rules(grpc)
    matched = {name: {match["method"]["service"] for match in rule["matches"]} for name, rule in rules.items()}
    assert matched == SERVED


def test_without_hosts_for_grpc_there_is_no_grpcroute() -> None:
    assert of_kind(render({"gateway": HTTPROUTE}), "GRPCRoute") == []


def ingresses(**values: Any) -> dict[str, Object]:
    objects = render({"gateway": {"type": "ingress", "ingress": values}})
    return {item["metadata"]["name"].removeprefix("release-voicepipe"): item for item in of_kind(objects, "Ingress")}


def test_nginx_gets_a_second_ingress_with_a_host_and_a_certificate_for_grpc() -> None:
    made = ingresses(host="a.example.org", tlsSecret="a-tls", grpcHost="b.example.org", grpcTlsSecret="b-tls")
    assert made.keys() == {"", "-grpc"}
    grpc = made["-grpc"]["spec"]
    assert grpc["tls"] == [{"secretName": "b-tls", "hosts": ["b.example.org"]}]
    assert [rule["host"] for rule in grpc["rules"]] == ["b.example.org"]
    assert grpc["rules"][0]["http"] == made[""]["spec"]["rules"][0]["http"]


def test_the_certificate_of_the_host_serves_the_host_for_grpc_too() -> None:
    (tls,) = ingresses(tlsSecret="both", grpcHost="b.example.org")["-grpc"]["spec"]["tls"]
    assert tls == {"secretName": "both", "hosts": ["b.example.org"]}


def test_only_the_ingress_for_grpc_makes_nginx_speak_grpc_and_it_has_no_limits_either() -> None:
    made = ingresses(tlsSecret="tls", grpcHost="b.example.org")
    http, grpc = (made[name]["metadata"]["annotations"] for name in ("", "-grpc"))
    assert grpc == http | {
        "nginx.ingress.kubernetes.io/backend-protocol": "GRPC",
        "nginx.org/grpc-services": "release-voicepipe-gateway",
    }
    assert http["nginx.ingress.kubernetes.io/proxy-body-size"] == "0"


def test_annotations_for_grpc_replace_those_of_both() -> None:
    made = ingresses(
        preset="none",
        tlsSecret="tls",
        annotations={"team": "speech", "size": "1"},
        grpcHost="b.example.org",
        grpcAnnotations={"size": "2"},
    )
    assert made[""]["metadata"]["annotations"] == {"team": "speech", "size": "1"}
    assert made["-grpc"]["metadata"]["annotations"] == {"team": "speech", "size": "2"}


def test_traefik_speaks_http_2_to_caddy_and_needs_one_ingress() -> None:
    objects = installation("Traefik")
    assert names(objects, "Ingress") == {"release-voicepipe"}
    annotations = one(objects, "Service", "gateway")["metadata"]["annotations"]
    assert annotations == {"traefik.ingress.kubernetes.io/service.serversscheme": "h2c"}


@pytest.mark.parametrize("gateway", [{}, {"type": "ingress"}, {"ingress": {"preset": "traefik"}}])
def test_otherwise_the_service_of_caddy_has_no_annotations(gateway: dict[str, Any]) -> None:
    assert "annotations" not in one(render({"gateway": gateway}), "Service", "gateway")["metadata"]
