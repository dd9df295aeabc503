"""Values that are wrong are refused, with a message that names the key."""

from __future__ import annotations

from typing import Any

import pytest

from chart.rendering import OWN_SERVERS, Refused, template

SCHEMA_REFUSES: list[tuple[dict[str, Any], str]] = [
    ({"productoin": True}, "productoin"),
    ({"production": "yes"}, "/production"),
    ({"corsOrigins": ["https://app.example.org/"]}, "/corsOrigins/0"),
    ({"logLevel": "verbose"}, "/logLevel"),
    ({"maxUploadBytes": 0}, "/maxUploadBytes"),
    ({"maxUploadBytes": "5Gi"}, "/maxUploadBytes"),
    ({"imagePullSecrets": ["name"]}, "/imagePullSecrets"),
    ({"images": {"upload": "voicepipe/upload:1"}}, "/images/upload"),
    ({"images": {"upload": {"tag": "1:2"}}}, "/images/upload/tag"),
    ({"images": {"upload": {"tag": "1@sha256:12"}}}, "/images/upload/tag"),
    ({"images": {"upload": {"pullPolicy": "Sometimes"}}}, "/images/upload/pullPolicy"),
    ({"images": {"uploader": {"tag": "1"}}}, "uploader"),
    ({"apiKey": {"existingSecret": None, "secretName": "x"}}, "secretName"),
    ({"database": {"url": "postgresql://user:password@host/name"}}, "url"),
    ({"database": {"port": 70000}}, "/database/port"),
    ({"database": {"peers": [{"cidr": "10.0.0.0/8"}]}}, "cidr"),
    ({"database": {"peers": [{}]}}, "/database/peers/0"),
    ({"nats": {"replicas": 0}}, "/nats/replicas"),
    ({"objectStore": {"endpoint": "s3.example.org"}}, "/objectStore/endpoint"),
    ({"objectStore": {"serverSideEncryption": "aes256"}}, "/objectStore/serverSideEncryption"),
    ({"caBundle": {"key": ""}}, "/caBundle/key"),
    ({"bundled": {"postgres": {"size": "10GB"}}}, "/bundled/postgres/size"),
    ({"bundled": {"redis": {"enabled": True}}}, "redis"),
    ({"models": {"source": "hub"}}, "/models/source"),
    ({"models": {"download": {"accessModes": []}}}, "/models/download/accessModes"),
    ({"pools": {"acurate": {"enabled": True}}}, "acurate"),
    ({"pools": {"fast": {"device": "cuda"}}}, "/pools/fast/device"),
    ({"pools": {"fast": {"model": "../weights"}}}, "/pools/fast/model"),
    ({"pools": {"accurate": {"tritonExtraEnv": [{"value": "1"}]}}}, "/pools/accurate/tritonExtraEnv/0"),
    ({"pools": {"fast": {"tritonUrl": "triton"}}}, "/pools/fast/tritonUrl"),
    ({"pools": {"fast": {"tritonUrl": "http://triton:8001"}}}, "/pools/fast/tritonUrl"),
    ({"gpu": {"resourceName": ""}}, "/gpu/resourceName"),
    ({"upload": {"replica": 2}}, "replica"),
    ({"upload": {"replicas": "2"}}, "/upload/replicas"),
    ({"upload": {"replicas": -1}}, "/upload/replicas"),
    ({"upload": {"terminationGracePeriodSeconds": 5}}, "/upload/terminationGracePeriodSeconds"),
    ({"upload": {"resources": {"request": {"cpu": 1}}}}, "request"),
    ({"upload": {"resources": {"requests": {"cpu": "one"}}}}, "/upload/resources/requests/cpu"),
    ({"status": {"pod": {"nodeSelecter": {}}}}, "nodeSelecter"),
    ({"status": {"pod": {"labels": {"a": 1}}}}, "/status/pod/labels/a"),
    ({"prepare": {"requiredConfinement": ["seccomp", "chroot"]}}, "/prepare/requiredConfinement/1"),
    ({"diarizer": {"enabled": "false"}}, "/diarizer/enabled"),
    ({"gateway": {"type": "nginx"}}, "/gateway/type"),
    ({"gateway": {"service": {"type": "ExternalName"}}}, "/gateway/service/type"),
    ({"gateway": {"ingress": {"preset": "haproxy"}}}, "/gateway/ingress/preset"),
    ({"gateway": {"httpRoute": {"grpcHostnames": "grpc.example.org"}}}, "/gateway/httpRoute/grpcHostnames"),
    ({"gateway": {"grpcRoute": {}}}, "grpcRoute"),
    ({"grpc": {"reflection": "off"}}, "/grpc/reflection"),
    ({"grpc": {"connectionAgeSeconds": 0}}, "/grpc/connectionAgeSeconds"),
    ({"podDefaults": {"extraEnv": [{"name": "A", "value": 1}]}}, "/podDefaults/extraEnv/0/value"),
    ({"networkPolicy": {"enabled": 1}}, "/networkPolicy/enabled"),
    ({"extraObjects": {}}, "/extraObjects"),
]

ROUTE = {"parentRefs": [{"name": "public"}], "hostnames": ["voicepipe.example.org"]}

OTHERS_REFUSE: list[tuple[dict[str, Any], str]] = [
    ({**OWN_SERVERS, "database": {}}, "Set database.existingSecret"),
    ({**OWN_SERVERS, "nats": {}}, "Set nats.existingSecret"),
    ({**OWN_SERVERS, "objectStore": {"endpoint": "https://s3"}}, "Set objectStore.existingSecret"),
    ({**OWN_SERVERS, "objectStore": {"existingSecret": "s3"}}, "Set objectStore.endpoint"),
    ({"database": {"existingSecret": "db"}}, "Set bundled.postgres.enabled to false"),
    ({"nats": {"replicas": 3}}, "nats.replicas"),
    ({**OWN_SERVERS, "objectStore": {**OWN_SERVERS["objectStore"], "kmsKeyId": "key"}}, "serverSideEncryption"),
    ({"caBundle": {"configMap": "a", "secret": "b"}}, "caBundle.configMap and caBundle.secret"),
    ({"pools": {"accurate": {"enabled": False}, "fast": {"enabled": False}}}, "Set pools.accurate.enabled"),
    ({"models": {"source": "image"}}, "images.models.repository"),
    ({"models": {"source": "claim"}}, "models.claim.name"),
    ({"gateway": {"type": "httpRoute"}}, "gateway.httpRoute.parentRefs"),
    ({"gateway": {"type": "ingress", "tlsSecret": "tls"}}, "gateway.ingress.tlsSecret"),
    (
        {"gateway": {"type": "httpRoute", "httpRoute": {**ROUTE, "hostnames": [], "grpcHostnames": ["a.example.org"]}}},
        "set gateway.httpRoute.hostnames",
    ),
    (
        {"gateway": {"type": "ingress", "ingress": {"host": "a", "grpcHost": "a", "tlsSecret": "tls"}}},
        "Set gateway.ingress.grpcHost to another one",
    ),
    ({"gateway": {"type": "ingress", "ingress": {"grpcHost": "a"}}}, "Set gateway.ingress.grpcTlsSecret"),
]


@pytest.mark.parametrize(("values", "key"), SCHEMA_REFUSES, ids=[key for _, key in SCHEMA_REFUSES])
def test_the_schema_refuses_and_names_the_key(values: dict[str, Any], key: str) -> None:
    with pytest.raises(Refused) as refused:
        template(values)
    assert "don't meet the specifications of the schema" in str(refused.value)
    assert key in str(refused.value).rpartition("voicepipe:")[2]


@pytest.mark.parametrize(("values", "says"), OTHERS_REFUSE, ids=[says for _, says in OTHERS_REFUSE])
def test_values_that_contradict_each_other_are_refused_with_what_to_set(values: dict[str, Any], says: str) -> None:
    with pytest.raises(Refused, match=says):
        template(values)


@pytest.mark.parametrize(
    ("http", "grpc"),
    [
        ("voicepipe.example.org", "voicepipe.example.org"),
        ("voicepipe.example.org", "Voicepipe.example.org"),
        ("voicepipe.example.org", "*.example.org"),
        ("*.example.org", "grpc.example.org"),
        ("*.example.org", "*.grpc.example.org"),
    ],
)
def test_a_grpcroute_that_shares_a_host_with_the_httproute_is_refused(http: str, grpc: str) -> None:
    with pytest.raises(Refused, match=r"grpcHostnames \(.+\) and gateway.httpRoute.hostnames \(.+\) share a host"):
        template(with_hosts(http, grpc))


@pytest.mark.parametrize(
    ("http", "grpc"),
    [
        ("voicepipe.example.org", "grpc.voicepipe.example.org"),
        ("example.org", "*.example.org"),
        ("*.example.org", "grpc-example.org"),
    ],
)
def test_a_grpcroute_with_a_host_of_its_own_is_accepted(http: str, grpc: str) -> None:
    assert "kind: GRPCRoute" in template(with_hosts(http, grpc))


def with_hosts(http: str, grpc: str) -> dict[str, Any]:
    return {"gateway": {"type": "httpRoute", "httpRoute": {**ROUTE, "hostnames": [http], "grpcHostnames": [grpc]}}}


@pytest.mark.parametrize("server", ["postgres", "nats", "objectStore"])
def test_production_refuses_a_bundled_server_and_names_what_to_set(server: str) -> None:
    values = {"postgres": "database", "nats": "nats", "objectStore": "objectStore"}[server]
    bundled = {name: {"enabled": name == server} for name in ("postgres", "nats", "objectStore")}
    own = {key: value for key, value in OWN_SERVERS.items() if key != values}
    with pytest.raises(Refused, match=rf"Set bundled\.{server}\.enabled to false and {values}\.existingSecret"):
        template({**own, "bundled": bundled, "production": True})
