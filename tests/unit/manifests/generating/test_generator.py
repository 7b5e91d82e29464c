"""The whole: labels, order, what cannot be done, several workloads at once."""

from dataclasses import replace

import pytest

from opstwin.domain.workload import Autoscale, HealthCheck, Mount, Port, Resources, RestartPolicy, Workload
from opstwin.errors import InvalidInput
from opstwin.manifests.generating.generator import Request, generated, manifests_of
from opstwin.manifests.generating.info import ContainerInfo, info_of_container, info_of_workload
from opstwin.manifests.generating.options import Exposure, GenerateOptions, Route
from opstwin.manifests.generating.results import Level
from opstwin.manifests.generating.words import FINDINGS, WHYS
from opstwin.manifests.served import NEWEST, Served, served_by
from tests.unit.manifests.generating.looking import codes, container, document, finding, kinds, made

API = Workload(name="api", image="registry.example.com/shop/api:2", ports=(Port(container=3000),))
SERVED = served_by(NEWEST)
ALL = GenerateOptions(
    namespace_manifest=True, service_account="api", autoscale=Autoscale(), network_policy=True,
    route=Route(host="a.example.com"),
)  # fmt: skip


def test_everything_stands_in_the_order_in_which_it_is_applied() -> None:
    workload = replace(API, env={"MODE": "a", "TOKEN": "b"}, volumes=(Mount(path="/data", volume="data"),), replicas=2)
    assert kinds(made(workload, ALL)) == [
        "Namespace", "ServiceAccount", "ConfigMap", "Secret", "PersistentVolumeClaim", "Service", "Deployment",
        "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy", "Ingress",
    ]  # fmt: skip


def test_nothing_is_made_that_nobody_asked_for() -> None:
    assert kinds(made(API)) == ["Service", "Deployment"]


def test_every_manifest_carries_the_recommended_labels() -> None:
    for manifest in manifests_of(API, namespace="shop", served=SERVED, options=replace(ALL, part_of="shop")):
        labels = manifest.document["metadata"]["labels"]  # type: ignore[index,call-overload]
        assert labels["app.kubernetes.io/managed-by"] == "opstwin"  # type: ignore[index,call-overload]
        if manifest.kind != "Namespace":
            assert manifest.namespace == "shop"
            assert {f"app.kubernetes.io/{word}" for word in ("name", "instance", "version", "part-of")} <= set(labels)  # type: ignore[arg-type]


def test_a_new_version_changes_no_selector() -> None:
    selectors = [
        document(made(replace(API, image=f"acme/api:{tag}", labels={"x": tag})), "Deployment")["spec"]["selector"]
        for tag in ("1", "2")
    ]
    assert selectors[0] == selectors[1]


def test_own_labels_are_kept_as_labels_or_annotations_or_said() -> None:
    labels = {
        "team": "checkout", "note": "two words", "no spaces in keys": "x", "api_token": "abc",
        "app.kubernetes.io/name": "other", "app.kubernetes.io/component": "edge",
    }  # fmt: skip
    result = made(replace(API, labels=labels))
    metadata = document(result, "Deployment")["metadata"]
    assert metadata["labels"]["team"] == "checkout"
    assert metadata["labels"]["app.kubernetes.io/component"] == "edge"
    assert metadata["labels"]["app.kubernetes.io/name"] == "api"
    assert metadata["annotations"] == {"note": "two words"}
    assert {"label_key", "label_secret", "label_ours"} <= codes(result)


def test_a_workload_that_says_more_than_can_be_done_is_refused_with_the_field() -> None:
    workload = replace(API, volumes=(Mount(path="/etc/app", host_path="/srv/app"),))
    with pytest.raises(InvalidInput) as refused:
        manifests_of(workload, namespace="shop", served=SERVED)
    assert refused.value.field == "volumes.host_path"
    assert refused.value.next_step


def test_a_cluster_that_serves_no_deployments_is_refused() -> None:
    with pytest.raises(InvalidInput, match="Deployment"):
        manifests_of(API, namespace="shop", served=Served(kinds=frozenset({("v1", "Service")})))


@pytest.mark.parametrize("namespace", ["", "Shop", "a b", "kube--x"])
def test_a_namespace_that_is_none_is_refused(namespace: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        manifests_of(API, namespace=namespace, served=SERVED)
    assert refused.value.field == "namespace"


@pytest.mark.parametrize(
    ("name", "image", "restart"),
    [("1api", "acme/api:1", "always"), ("d" * 53, "postgres:16", "always")],
    ids=["a Service that begins with a digit", "a StatefulSet whose pods have longer names"],
)
def test_a_name_that_only_a_cluster_refuses_is_refused_here(name: str, image: str, restart: str) -> None:
    workload = replace(API, name=name, image=image, restart=RestartPolicy(restart))
    with pytest.raises(InvalidInput) as refused:
        made(workload)
    assert refused.value.field == "name"


def test_two_workloads_of_one_name_are_refused() -> None:
    info = info_of_workload(API)
    with pytest.raises(InvalidInput) as refused:
        Request(containers=(info, info))
    assert refused.value.field == "name"


def test_two_workloads_that_need_something_of_one_name_are_refused() -> None:
    database = Workload(name="db", image="postgres:16")
    clash = replace(API, name="db-headless")
    with pytest.raises(InvalidInput, match="db-headless"):
        generated(Request(containers=(info_of_workload(database), info_of_workload(clash))))


def test_options_of_one_workload_leave_the_others_alone() -> None:
    both = tuple(info_of_workload(replace(API, name=name)) for name in ("one", "two"))
    options = {"one": GenerateOptions(exposure=Exposure.LOAD_BALANCER)}
    result = generated(Request(containers=both, options_of=options))
    assert [item.document["spec"]["type"] for item in result.of_kind("Service")] == ["LoadBalancer", "ClusterIP"]  # type: ignore[index,call-overload]


def test_findings_say_whose_they_are() -> None:
    both = tuple(info_of_workload(replace(API, name=name)) for name in ("one", "two"))
    assert {item.workload for item in generated(Request(containers=both)).findings} == {"one", "two"}


@pytest.mark.parametrize("image", ["acme/api", "acme/api:latest"])
def test_an_image_that_may_change_is_said(image: str) -> None:
    assert finding(made(replace(API, image=image)), "unpinned").level is Level.ADVICE


def test_an_image_by_digest_is_not() -> None:
    assert "unpinned" not in codes(made(replace(API, image="acme/api@sha256:" + "a" * 64)))


def test_what_must_run_first_is_said_and_not_forgotten() -> None:
    assert "db" in finding(made(replace(API, needs=("db",))), "needs").text


def test_other_services_variables_do_not_mix_with_its_own() -> None:
    assert document(made(API), "Deployment")["spec"]["template"]["spec"]["enableServiceLinks"] is False


@pytest.mark.req("S5.42")
def test_containerinfo_fields_are_the_six_of_an_inspection_and_each_is_used() -> None:
    info = ContainerInfo(
        name="blog", image="ghost:5.90", ports=(2368,), env_vars={"url": "https://blog.example.com"},
        cpu_usage="250m", memory_usage="128Mi",
    )  # fmt: skip
    result = generated(Request(containers=(info,)))
    assert document(result, "Deployment")["metadata"]["name"] == "blog"
    assert container(result)["image"] == "ghost:5.90"
    assert container(result)["ports"][0]["containerPort"] == 2368
    assert document(result, "ConfigMap")["data"] == {"url": "https://blog.example.com"}
    assert container(result)["resources"]["requests"] == {"cpu": "300m", "memory": "154Mi"}


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": "Bad Name"}, "name"), ({"image": "a b"}, "image"), ({"ports": (0,)}, "ports.container"),
        ({"env_vars": {"a b": "c"}}, "env"),
    ],
)  # fmt: skip
def test_a_field_that_is_wrong_is_named(values: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        ContainerInfo(**{"name": "blog", "image": "ghost:5", **values})  # type: ignore[arg-type]
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("values", "field"), [({"cpu_usage": "much"}, "cpu_usage"), ({"memory_usage": "12 XB"}, "memory_usage")]
)
def test_a_usage_that_is_none_is_named(values: dict[str, str], field: str) -> None:
    info = ContainerInfo(name="blog", image="ghost:5", **values)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput) as refused:
        generated(Request(containers=(info,)))
    assert refused.value.field == field


def test_a_container_of_an_engine_is_understood_field_by_field() -> None:
    spec = {
        "image": "acme/api:1", "command": ["serve"], "env": {"MODE": "full"}, "secret_env": {"PW": "env:PW"},
        "ports": [{"container": 80, "host": 8080, "protocol": "tcp", "address": "127.0.0.1"},
                  {"container": 53, "host": None, "protocol": "udp", "address": "0.0.0.0"}],
        "mounts": [{"path": "/data", "volume": "data", "host_path": None, "read_only": True}],
        "networks": ["front"], "cpu_millicores": 500, "memory_bytes": 1048576,
        "health": {"command": ["check"], "interval_s": 5.0, "timeout_s": 2.0, "retries": 4, "start_period_s": 9.0},
        "labels": {"team": "a"}, "restart": "on-failure", "running": False,
    }  # fmt: skip
    facts = {
        "state": "exited", "user": "1000", "writes": ["/tmp"], "exposed_ports": [80, 9000],
        "not_in_spec": ["privileged"], "anonymous_volumes": {"/var/lib/thing": "0a1b"}, "cpu_millicores": 12.4,
        "memory_bytes": 2048,
    }  # fmt: skip
    info = info_of_container("api", spec, facts)  # type: ignore[arg-type]
    assert info == ContainerInfo(
        name="api", image="acme/api:1", ports=(80, 9000), udp_ports=(53,),
        published=(Port(container=80, host=8080, address="127.0.0.1"),), env_vars={"MODE": "full"},
        secret_env={"PW": "env:PW"}, command=("serve",), networks=("front",), labels={"team": "a"},
        mounts=(Mount(path="/data", volume="data", read_only=True), Mount(path="/var/lib/thing", volume="api-thing")),
        resources=Resources(cpu_millicores=500, memory_bytes=1048576), restart=RestartPolicy.ON_FAILURE, running=False,
        health=HealthCheck(command=("check",), interval_s=5, timeout_s=2, retries=4, start_period_s=9), user="1000",
        writes=("/tmp",), not_in_spec=("privileged",), cpu_usage="12m", memory_usage="2048",
    )  # fmt: skip
    assert finding(generated(Request(containers=(info,))), "engine_setting").field == "privileged"


def test_the_port_that_was_published_gets_the_plain_name_and_the_probe() -> None:
    ports = [{"container": 8080, "host": 80}]
    spec = {"image": "acme/api:1", "restart": "always", "ports": ports, "networks": ["host"]}
    info = info_of_container("api", spec, {"exposed_ports": [5000, 8080]})  # type: ignore[arg-type]
    result = generated(Request(containers=(info,)))
    assert [(item["name"], item["containerPort"]) for item in container(result)["ports"]] == [
        ("http", 8080), ("port-5000", 5000),
    ]  # fmt: skip
    assert container(result)["readinessProbe"]["tcpSocket"]["port"] == "http"
    assert "networks" not in codes(result), "the network of the host is none that others could be kept out of"


def test_an_image_that_has_only_an_id_is_one_that_no_cluster_can_pull() -> None:
    found = finding(made(replace(API, image="sha256:" + "a" * 64)), "image_id")
    assert (found.level, found.field) == (Level.LOST, "image")
    assert "push" in found.next_step


@pytest.mark.parametrize(
    ("name", "usable"),
    [("shop_api_1", "shop-api-1"), ("My.App", "my-app"), ("a__b-", "a-b"), ("web", "web"), ("api-2", "api-2")],
)
def test_a_name_that_kubernetes_does_not_take_is_replaced_and_that_is_said(name: str, usable: str) -> None:
    spec = {"image": "acme/api:1", "restart": "always", "mounts": [{"path": "/data", "volume": name}]}
    info = info_of_container(name, spec)  # type: ignore[arg-type]
    result = generated(Request(containers=(info,)))
    assert document(result, "Deployment")["metadata"]["name"] == usable
    assert document(result, "PersistentVolumeClaim")["metadata"]["name"] == usable
    assert ("renamed" in codes(result)) == (name != usable)


def test_an_anonymous_volume_keeps_a_name_of_its_own_however_long() -> None:
    names = ["a" * 64, "a" * 63 + "b", "_"]
    mounts = [{"path": f"/data{number}", "volume": name} for number, name in enumerate(names)]
    info = info_of_container("api", {"image": "acme/api:1", "mounts": mounts})  # type: ignore[arg-type]
    assert len({mount.volume for mount in info.mounts}) == 3


def test_a_workload_and_its_container_give_the_same_manifests() -> None:
    workload = replace(API, env={"MODE": "full"}, restart=RestartPolicy.ALWAYS)
    spec = {
        "image": workload.image, "env": {"MODE": "full"}, "restart": "always", "running": True,
        "ports": [{"container": 3000, "host": None, "protocol": "tcp", "address": "0.0.0.0"}],
    }  # fmt: skip
    seen = generated(Request(containers=(info_of_container("api", spec),)))  # type: ignore[arg-type]
    assert seen.manifests == made(workload).manifests


@pytest.mark.parametrize("texts", [WHYS, FINDINGS], ids=["why", "finding"])
def test_every_sentence_is_short_and_there_is_in_both_languages(texts: dict[str, tuple[str, ...]]) -> None:
    for english, korean, *rest in texts.values():
        assert english.endswith(".")
        assert korean.endswith(".")
        assert len(english) < 130
        assert any("가" <= letter <= "힣" for letter in korean)
        assert all(step.endswith(".") for step in rest)
