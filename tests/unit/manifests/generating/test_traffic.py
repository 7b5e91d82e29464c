"""Network policies and Ingresses, where they are asked for."""

from dataclasses import replace

import pytest

from opstwin.domain.workload import Port, Workload
from opstwin.errors import InvalidInput
from opstwin.manifests.generating.options import Exposure, GenerateOptions, Route
from tests.unit.manifests.generating.looking import codes, document, kinds, made, template

API = Workload(
    name="api", image="registry.example.com/shop/api:2", ports=(Port(container=3000), Port(container=9090)),
    networks=("front", "back"),
)  # fmt: skip
CLOSED = GenerateOptions(network_policy=True)


def test_networks_become_labels_that_the_policy_lets_in() -> None:
    result = made(API, CLOSED)
    labels = template(result)["metadata"]["labels"]
    [rule] = document(result, "NetworkPolicy")["spec"]["ingress"]
    wanted = [peer["podSelector"]["matchLabels"] for peer in rule["from"]]
    assert wanted == [{"network.opstwin.io/back": "member"}, {"network.opstwin.io/front": "member"}]
    assert all(peer.items() <= labels.items() for peer in wanted)
    assert [port["port"] for port in rule["ports"]] == ["http", "port-9090"]


def test_networks_without_a_policy_are_said_to_keep_nobody_out() -> None:
    result = made(API)
    assert "NetworkPolicy" not in kinds(result)
    assert "networks" in codes(result)


def test_without_networks_those_of_the_same_whole_may_connect() -> None:
    [rule] = document(made(replace(API, networks=()), replace(CLOSED, part_of="shop")), "NetworkPolicy")["spec"][
        "ingress"
    ]
    assert rule["from"] == [{"podSelector": {"matchLabels": {"app.kubernetes.io/part-of": "shop"}}}]


def test_what_listens_nowhere_lets_nobody_in() -> None:
    assert document(made(replace(API, ports=()), CLOSED), "NetworkPolicy")["spec"]["ingress"] == []


@pytest.mark.parametrize("change", [{"exposure": Exposure.LOAD_BALANCER}, {"route": Route(host="a.example.com")}])
def test_what_is_open_to_the_outside_is_not_closed_by_its_policy(change: dict[str, object]) -> None:
    options = replace(CLOSED, **change)  # type: ignore[arg-type]
    assert "from" not in document(made(API, options), "NetworkPolicy")["spec"]["ingress"][0]


def test_a_route_leads_to_a_port_of_the_service_by_name() -> None:
    options = GenerateOptions(route=Route(host="a.example.com", path="/api", port=9090, tls_secret="cert"))
    result = made(API, options)
    spec = document(result, "Ingress")["spec"]
    backend = spec["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert backend["name"] == document(result, "Service")["metadata"]["name"]
    assert backend["port"]["name"] in {port["name"] for port in document(result, "Service")["spec"]["ports"]}
    assert spec["tls"] == [{"hosts": ["a.example.com"], "secretName": "cert"}]


def test_a_route_without_tls_is_said() -> None:
    assert "route_plain" in codes(made(API, GenerateOptions(route=Route(host="a.example.com"))))


@pytest.mark.parametrize(("ports", "port"), [((), None), ((Port(container=3000),), 4000)])
def test_a_route_to_no_port_is_refused(ports: tuple[Port, ...], port: int | None) -> None:
    with pytest.raises(InvalidInput) as refused:
        made(replace(API, ports=ports), GenerateOptions(route=Route(host="a.example.com", port=port)))
    assert refused.value.field == "route.port"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"host": "a b"}, "route.host"), ({"host": "UP.example.com"}, "route.host"), ({"host": ""}, "route.host"),
        ({"host": "a.b", "path": "api"}, "route.path"), ({"host": "a.b", "path": "/a\nb"}, "route.path"),
        ({"host": "a.b", "port": 0}, "route.port"), ({"host": "a.b", "tls_secret": "A"}, "route.tls_secret"),
    ],
)  # fmt: skip
def test_a_route_that_is_none_is_refused(values: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Route(**values)  # type: ignore[arg-type]
    assert refused.value.field == field
