"""Who may connect to whom: the edges that the NetworkPolicies allow are exactly those of the table that operators read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import product

import pytest

from chart.rendering import EXAMPLES, OWN_SERVERS, ROOT, VARIANTS, Object, installation, names, pods, render

PAGE = ROOT / "docs" / "operating.md"
ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| ([0-9, ]+) \|", re.MULTILINE)
SERVERS = {"postgres", "nats", "object-store"}

Edge = tuple[str, str, int]


def words(cell: str) -> list[str]:
    return [word.strip() for word in cell.split(",")]


@cache
def expected() -> frozenset[Edge]:
    """The edges of the table in docs/operating.md#network: from, to, port; a cell may list several."""
    section = PAGE.read_text(encoding="utf-8").partition("\n## Network\n")[2].partition("\n## ")[0]
    return frozenset(
        (source, target, int(port))
        for cells in ROW.findall(section)
        for source, target, port in product(*map(words, cells))
    )


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
    """The edges that the policies allow in one direction. A rule without peers allows everyone: clients."""
    for item in objects:
        if item["kind"] != "NetworkPolicy":
            continue
        own = component(item["spec"]["podSelector"])
        for rule in item["spec"].get(direction) or []:
            assert rule["ports"], "a rule without ports allows all of them"
            assert rule.get("from") != [], "an empty list allows everyone"
            assert rule.get("to") != [], "an empty list allows everyone"
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


def test_the_edges_are_those_of_the_page_for_operators() -> None:
    assert edges(render()) == expected()


def test_every_component_but_the_servers_may_use_dns() -> None:
    components = {component(item["spec"]["podSelector"]) for item in render() if item["kind"] == "NetworkPolicy"}
    assert {source for source, target, _ in expected() if target == "DNS"} == components - SERVERS


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


def test_only_prometheus_reaches_workers() -> None:
    for source, target, _ in edges(render()):
        if target in {"prepare", "transcribe", "diarizer", "assemble", "controller", "migrations", "models", "test"}:
            assert source == "monitoring"


def test_without_prometheus_no_metrics_are_reachable() -> None:
    found = edges(render({"networkPolicy": {"prometheus": []}}))
    assert found == {edge for edge in expected() if edge[0] != "monitoring"}


@pytest.mark.parametrize("name", ["no gateway", "a GRPCRoute"])
def test_without_caddy_clients_reach_upload_and_status(name: str) -> None:
    found = edges(installation(name))
    assert {edge for edge in found if edge[0] in {"clients", "test"} and edge[1] != "DNS"} == {
        (source, target, port)
        for source, port in (("clients", 8000), ("clients", 9000), ("test", 8000))
        for target in ("upload", "status")
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
