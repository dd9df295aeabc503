"""Who may connect to whom: the edges that the NetworkPolicies allow are exactly those of a table."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chart.rendering import EXAMPLES, OWN_SERVERS, VARIANTS, Object, installation, names, pods, render

# From, to, port. docs/operating.md#network has the same table.
EDGES = """
    clients     gateway       8080
    test        gateway       8080
    gateway     upload        8000
    gateway     status        8000
    upload      postgres      5432
    upload      nats          4222
    upload      object-store  8333
    status      postgres      5432
    status      nats          4222
    status      object-store  8333
    prepare     postgres      5432
    prepare     nats          4222
    prepare     object-store  8333
    transcribe  postgres      5432
    transcribe  nats          4222
    transcribe  object-store  8333
    diarizer    postgres      5432
    diarizer    nats          4222
    diarizer    object-store  8333
    assemble    postgres      5432
    assemble    nats          4222
    assemble    object-store  8333
    controller  postgres      5432
    controller  nats          4222
    controller  object-store  8333
    migrations  postgres      5432
    models      0.0.0.0/0     80
    models      0.0.0.0/0     443
    monitoring  upload        8000
    monitoring  status        8000
    monitoring  prepare       8000
    monitoring  transcribe    8000
    monitoring  transcribe    8002
    monitoring  diarizer      8000
    monitoring  assemble      8000
    monitoring  controller    8000
"""
USE_DNS = {
    "upload",
    "status",
    "prepare",
    "transcribe",
    "diarizer",
    "assemble",
    "controller",
    "gateway",
    "migrations",
    "models",
    "test",
}

Edge = tuple[str, str, int]


def expected() -> set[Edge]:
    rows = (line.split() for line in EDGES.strip().splitlines())
    return {(source, target, int(port)) for source, target, port in rows} | {
        (component, "DNS", 53) for component in USE_DNS
    }


def component(selector: Object) -> str:
    labels = selector["matchLabels"]
    name: str = labels.get("app.kubernetes.io/component") or next(iter(labels.values()))
    return {"kube-dns": "DNS"}.get(name, name)


def peer(peer: Object) -> str:
    """What a peer is called in the table."""
    if "podSelector" in peer:
        return component(peer["podSelector"])
    if "namespaceSelector" in peer:
        return str(peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"])
    return {"169.254.20.10/32": "DNS"}.get(peer["ipBlock"]["cidr"], peer["ipBlock"]["cidr"])


def allowed(objects: list[Object], direction: str) -> Iterator[Edge]:
    """The edges that the policies allow in one direction. A rule without peers allows everybody: clients."""
    for item in objects:
        if item["kind"] != "NetworkPolicy":
            continue
        own = component(item["spec"]["podSelector"])
        for rule in item["spec"].get(direction) or []:
            assert rule["ports"], "a rule without ports allows all of them"
            assert rule.get("from") != [], "an empty list allows everybody"
            assert rule.get("to") != [], "an empty list allows everybody"
            for other in map(peer, rule.get("from") or rule.get("to") or [{"ipBlock": {"cidr": "clients"}}]):
                for port in rule["ports"]:
                    yield (other, own, port["port"]) if direction == "ingress" else (own, other, port["port"])


def edges(objects: list[Object]) -> set[Edge]:
    """The edges; between two components both ends must agree."""
    ingress, egress = set(allowed(objects, "ingress")), set(allowed(objects, "egress"))
    ours = {component(item["spec"]["podSelector"]) for item in objects if item["kind"] == "NetworkPolicy"}
    one_sided = {edge for edge in ingress ^ egress if {edge[0], edge[1]} <= ours}
    assert one_sided == set()
    return ingress | egress


def test_the_edges_are_those_of_the_table() -> None:
    assert edges(render()) == expected()


@pytest.mark.parametrize("name", [*EXAMPLES, *VARIANTS])
def test_every_pod_has_a_policy_that_denies_both_directions(name: str) -> None:
    objects = installation(name)
    policies = [item["spec"] for item in objects if item["kind"] == "NetworkPolicy"]
    assert all(policy["policyTypes"] == ["Ingress", "Egress"] for policy in policies)
    covered = {component(policy["podSelector"]) for policy in policies}
    assert covered == {pod["metadata"]["labels"]["app.kubernetes.io/component"] for _, pod in pods(objects)}
    assert len(policies) == len(covered)


@pytest.mark.parametrize("name", [*EXAMPLES, *VARIANTS])
def test_both_ends_of_every_edge_agree(name: str) -> None:
    assert edges(installation(name))


def test_workers_are_reached_by_nobody_but_prometheus() -> None:
    for source, target, _ in edges(render()):
        if target in {"prepare", "transcribe", "diarizer", "assemble", "controller", "migrations", "models", "test"}:
            assert source == "monitoring"


def test_without_prometheus_nobody_reads_metrics() -> None:
    found = edges(render({"networkPolicy": {"prometheus": []}}))
    assert found == {edge for edge in expected() if edge[0] != "monitoring"}


def test_without_caddy_clients_reach_upload_and_status() -> None:
    found = edges(render({"gateway": {"type": "none"}}))
    assert {edge for edge in found if edge[0] in {"clients", "test"} and edge[1] != "DNS"} == {
        (source, target, 8000) for source in ("clients", "test") for target in ("upload", "status")
    }


def test_clients_can_be_restricted_to_a_namespace() -> None:
    values = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateways"}}}]
    found = edges(render({"networkPolicy": {"clients": values}}))
    assert {source for source, target, _ in found if target == "gateway"} == {"gateways", "test"}


def test_servers_of_ones_own_are_reached_at_their_ports_only() -> None:
    cidrs = {"database": "10.1.0.0/24", "nats": "10.2.0.0/24", "objectStore": "10.3.0.0/24"}
    ports = {"database": 5433, "nats": 4223, "objectStore": 9000}
    own = {
        key: {**OWN_SERVERS[key], "port": ports[key], "peers": [{"ipBlock": {"cidr": cidr}}]}
        for key, cidr in cidrs.items()
    }
    found = edges(render({**OWN_SERVERS, **own}))
    targets = {(target, port) for source, target, port in found if source == "prepare" and target != "DNS"}
    assert targets == {(cidrs[key], ports[key]) for key in cidrs}
    assert {target for source, target, _ in found if source == "migrations"} == {"10.1.0.0/24", "DNS"}


def test_a_triton_of_ones_own_is_reached_at_its_port() -> None:
    pool = {"tritonUrl": "dns:///triton:8901", "tritonPeers": [{"ipBlock": {"cidr": "10.9.0.0/24"}}]}
    assert ("transcribe", "10.9.0.0/24", 8901) in edges(render({"pools": {"fast": pool}}))


def test_policies_can_be_left_out() -> None:
    assert names(render({"networkPolicy": {"enabled": False}}), "NetworkPolicy") == set()
