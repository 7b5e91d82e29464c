"""Ports have names, and a Service leads to them by name."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opstwin.domain.workload import Port, RestartPolicy, Workload
from opstwin.manifests.generating.generator import Request, generated
from opstwin.manifests.generating.info import ContainerInfo, info_of_workload
from opstwin.manifests.generating.options import Exposure, GenerateOptions, Route
from opstwin.manifests.served import served_by
from tests.unit.manifests.generating.looking import codes, container, document, finding, kinds, made, template

API = Workload(name="api", image="registry.example.com/shop/api:2", ports=(Port(container=3000),))


@pytest.mark.req("S5.44")
def test_the_service_finds_the_pods_and_leads_to_their_port_by_name() -> None:
    result = made(API)
    service, labels = document(result, "Service"), template(result)["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    assert service["spec"]["ports"] == [{"name": "http", "port": 3000, "targetPort": "http"}]
    assert container(result)["ports"] == [{"name": "http", "containerPort": 3000}]


@pytest.mark.req("S5.44")
@given(
    st.lists(st.integers(1, 65535), max_size=8, unique=True).flatmap(
        lambda tcp: st.tuples(st.just(tcp), st.lists(st.integers(1, 65535), max_size=8, unique=True))
    ),
    st.sampled_from(Exposure),
)
def test_whatever_the_ports_every_name_is_valid_and_used_once(
    ports: tuple[list[int], list[int]], exposure: Exposure
) -> None:
    info = ContainerInfo(name="api", image="acme/api:1", ports=tuple(ports[0]), udp_ports=tuple(ports[1]))
    published = tuple(Port(container=port, host=port) for port in ports[0])
    result = generated(
        Request(containers=(replace(info, published=published),), options=GenerateOptions(exposure=exposure))
    )
    listed = container(result).get("ports", [])
    names = [item["name"] for item in listed]
    assert len(set(names)) == len(names) == len(ports[0]) + len(ports[1])
    assert all(len(name) <= 15 and any(char.isalpha() for char in name) for name in names)
    for service in result.of_kind("Service"):
        leading = service.document["spec"]["ports"]  # type: ignore[index,call-overload]
        assert {item["targetPort"] for item in leading} <= set(names)  # type: ignore[index,union-attr]
        assert len({(item["port"], item.get("protocol")) for item in leading}) == len(leading)  # type: ignore[index,union-attr,arg-type]
        assert len({item["name"] for item in leading}) == len(leading)  # type: ignore[index,union-attr,arg-type]


def test_a_published_port_answers_under_both_numbers() -> None:
    result = made(replace(API, ports=(Port(container=3000, host=8080),)))
    assert [(item["port"], item["targetPort"]) for item in document(result, "Service")["spec"]["ports"]] == [
        (3000, "http"),
        (8080, "http"),
    ]
    assert "port_inside" in codes(result)


@pytest.mark.parametrize(
    "options", [GenerateOptions(exposure=Exposure.LOAD_BALANCER), GenerateOptions(route=Route(host="a.example.com"))]
)
def test_what_is_open_to_the_outside_is_not_called_closed(options: GenerateOptions) -> None:
    assert "port_inside" not in codes(made(replace(API, ports=(Port(container=3000, host=8080),)), options))


def test_one_number_on_tcp_and_udp_gives_two_ports() -> None:
    result = made(replace(API, ports=(Port(container=53), Port(container=53, protocol="udp"))))
    assert [(item["name"], item.get("protocol")) for item in document(result, "Service")["spec"]["ports"]] == [
        ("dns", None),
        ("dns-udp", "UDP"),
    ]


def test_an_old_load_balancer_gets_one_service_for_each_protocol() -> None:
    both = replace(API, ports=(Port(container=53), Port(container=53, protocol="udp")))
    options = GenerateOptions(exposure=Exposure.LOAD_BALANCER)
    assert len(made(both, options).of_kind("Service")) == 1
    old = made(both, options, served=served_by((1, 20)))
    assert [item.name for item in old.of_kind("Service")] == ["api", "api-udp"]


def test_a_node_port_keeps_its_number_where_the_cluster_can_give_it() -> None:
    options = GenerateOptions(exposure=Exposure.NODE_PORT)
    inside = made(replace(API, ports=(Port(container=3000, host=30080),)), options)
    assert document(inside, "Service")["spec"]["ports"][0]["nodePort"] == 30080
    outside = made(replace(API, ports=(Port(container=3000, host=8080),)), options)
    assert "nodePort" not in document(outside, "Service")["spec"]["ports"][0]


def test_an_address_of_the_host_is_not_dropped_without_a_word() -> None:
    result = made(replace(API, ports=(Port(container=3000, host=8080, address="127.0.0.1"),)))
    assert "127.0.0.1" in finding(result, "port_address").text


def test_what_listens_nowhere_has_no_service() -> None:
    assert "Service" not in kinds(made(replace(API, ports=())))


def test_a_known_image_is_reached_on_its_port_without_anybody_naming_it() -> None:
    result = made(Workload(name="db", image="postgres:16"))
    assert document(result, "Service", 1)["spec"]["ports"][0]["port"] == 5432


def test_the_ports_of_the_image_are_taken_where_none_is_named() -> None:
    result = made(replace(API, ports=()), GenerateOptions(image_ports=(8000,)))
    assert document(result, "Service")["spec"]["ports"][0]["port"] == 8000


def test_what_others_need_and_has_no_port_is_said() -> None:
    silent, needy = replace(API, ports=()), replace(API, name="web", needs=("api",))
    request = Request(containers=(info_of_workload(silent), info_of_workload(needy)))
    assert finding(generated(request), "unreachable").workload == "api"


def test_ports_of_a_task_are_said_to_lead_nowhere() -> None:
    result = made(replace(API, restart=RestartPolicy.NEVER), GenerateOptions(schedule="@daily"))
    assert "Service" not in kinds(result)
    assert "task_ports" in codes(result)
