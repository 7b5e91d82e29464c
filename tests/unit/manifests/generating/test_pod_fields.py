"""What is asked of the pod itself becomes its fields, each explained, or is told."""

from dataclasses import replace
from typing import Any

import pytest
from kubernetes_validate import validate

from opstwin.domain.names import plain_path
from opstwin.domain.pod_settings import PodSettings, Pull
from opstwin.domain.workload import Mount, Resources, Workload
from opstwin.errors import InvalidInput
from opstwin.manifests.checks.checking import checked
from opstwin.manifests.generating.generator import manifests_of
from opstwin.manifests.generating.options import GenerateOptions
from opstwin.manifests.generating.results import Generated, Level
from opstwin.manifests.served import served_by
from tests.unit.manifests.generating.looking import codes, container, document, finding, made, pod, template, why

MI = 2**20
WEB = Workload(name="web", image="registry.example.com/shop/web:2", resources=Resources(memory_bytes=128 * MI))


def asked(workload: Workload = WEB, options: GenerateOptions | None = None, **settings: Any) -> Generated:
    return made(replace(workload, pod=PodSettings(**settings)), options)


EVERYTHING = PodSettings(
    read_only=True, memory_folders={"/run": 8 * MI, "/tmp": None}, shared_memory_bytes=64 * MI, stop_grace_s=90,
    hosts={"a.corp": "10.0.0.1", "b.corp": "10.0.0.1", "c.corp": "10.0.0.2"}, dns_servers=("10.9.9.9",),
    dns_searches=("corp.example.com",), dns_options=("ndots:2", "use-vc"),
    sysctls={"net.ipv4.tcp_syncookies": "1"}, capabilities_added=("NET_RAW",), capabilities_dropped=("CHOWN",),
    hostname="shopweb", groups=(2000,), reaps=True, terminal=True, input=True, pull=Pull.MISSING,
    platform="linux/amd64", annotations={"example.com/note": "hi"}, requested_cpu_millicores=50,
    requested_memory_bytes=32 * MI,
)  # fmt: skip
FIELDS: dict[str, Any] = {
    "terminationGracePeriodSeconds": 90, "shareProcessNamespace": True, "hostname": "shopweb", "dnsPolicy": "None",
    "hostAliases": [
        {"ip": "10.0.0.1", "hostnames": ["a.corp", "b.corp"]}, {"ip": "10.0.0.2", "hostnames": ["c.corp"]},
    ],
    "dnsConfig": {
        "nameservers": ["10.9.9.9"], "searches": ["corp.example.com"],
        "options": [{"name": "ndots", "value": "2"}, {"name": "use-vc"}],
    },
    "nodeSelector": {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"},
}  # fmt: skip


@pytest.mark.parametrize("release", [(1, 25), (1, 37)], ids=["1.25", "1.37"])
def test_all_settings_together_are_valid_for_every_release(release: tuple[int, int]) -> None:
    manifests = manifests_of(replace(WEB, pod=EVERYTHING), namespace="shop", served=served_by(release))
    for item in manifests:
        validate(item.document, f"{release[0]}.{release[1]}", strict=True)
    report = checked([item.document for item in manifests], version=f"{release[0]}.{release[1]}")
    assert not report.blocking
    assert {item.rule for item in report.risks} == {"security/capabilities"}


def test_each_setting_becomes_its_field_and_says_who_asked() -> None:
    result = made(replace(WEB, pod=EVERYTHING))
    spec = pod(result)
    assert {name: spec[name] for name in FIELDS} == FIELDS
    prefix = "spec.template.spec"
    assert {why(result, f"{prefix}.{name}") for name in FIELDS} == {"request"}
    assert spec["securityContext"]["sysctls"] == [{"name": "net.ipv4.tcp_syncookies", "value": "1"}]
    assert spec["securityContext"]["supplementalGroups"] == [2000]
    box = container(result)
    assert (box["stdin"], box["tty"], box["imagePullPolicy"]) == (True, True, "IfNotPresent")
    assert box["resources"] == {
        "requests": {"cpu": "50m", "memory": "32Mi"}, "limits": {"memory": "128Mi"},
    }  # fmt: skip
    assert why(result, f"{prefix}.containers[0].resources.requests.memory") == "reservation"
    assert template(result)["metadata"]["annotations"] == {"example.com/note": "hi"}
    assert "annotations" not in document(result, "Deployment")["metadata"]


def test_a_workload_that_asks_for_none_of_it_has_none_of_the_fields() -> None:
    result = made(WEB)
    assert not {*FIELDS} & {*pod(result)}
    assert not {"stdin", "tty", "imagePullPolicy"} & {*container(result)}
    assert {*pod(result)["securityContext"]} == {"seccompProfile"}


def test_folders_in_memory_are_mounted_with_their_sizes_and_count_as_memory() -> None:
    result = asked(memory_folders={"/run": 8 * MI, "/tmp": None}, shared_memory_bytes=64 * MI)
    names = {item["mountPath"]: item["name"] for item in container(result)["volumeMounts"]}
    volumes = {item["name"]: item["emptyDir"] for item in pod(result)["volumes"]}
    assert {path: volumes[name] for path, name in names.items()} == {
        "/run": {"medium": "Memory", "sizeLimit": "8Mi"}, "/tmp": {"medium": "Memory"},
        "/dev/shm": {"medium": "Memory", "sizeLimit": "64Mi"},
    }  # fmt: skip
    assert why(result, "spec.template.spec.volumes[0].emptyDir") == "request"
    assert finding(result, "memory_folders").level is Level.ADVICE


def test_where_the_image_writes_needs_no_second_folder_when_one_in_memory_is_there() -> None:
    result = asked(WEB, GenerateOptions(image_writes=("/tmp", "/var/cache")), memory_folders={"/tmp": None})
    assert [item["mountPath"] for item in container(result)["volumeMounts"]] == ["/tmp", "/var/cache"]


@pytest.mark.parametrize("folder", ["/tmp", "/tmp/", "//tmp", "/./tmp/"])
def test_a_folder_in_memory_counts_however_its_path_is_written(folder: str) -> None:
    nginx = Workload(name="web", image="nginx:1.27", pod=PodSettings(read_only=True, memory_folders={folder: None}))
    paths = [item["mountPath"] for item in container(made(nginx))["volumeMounts"]]
    assert [path for path in paths if plain_path(path) == "/tmp"] == [folder]


@pytest.mark.parametrize("folder", ["/var/lib/postgresql/data", "/var/lib/postgresql/data/", "/var/lib/postgresql"])
def test_a_database_whose_data_shall_be_in_memory_gets_no_claim(folder: str) -> None:
    result = made(Workload(name="db", image="postgres:16", pod=PodSettings(memory_folders={folder: 64 * MI})))
    assert "volumeClaimTemplates" not in document(result, "StatefulSet")["spec"]
    assert "data_added" not in codes(result)
    assert not result.of_kind("PersistentVolumeClaim")
    paths = [item["mountPath"] for item in container(result)["volumeMounts"]]
    assert [path for path in paths if path.startswith("/var/lib/postgresql")] == [folder]


def test_a_read_only_root_is_kept_also_where_nobody_knows_what_the_image_writes() -> None:
    result = asked(read_only=True)
    assert container(result)["securityContext"]["readOnlyRootFilesystem"] is True
    assert "root_file_system" not in codes(result)


@pytest.mark.parametrize(
    ("settings", "added"),
    [
        ({"capabilities_added": ("NET_RAW",)}, {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID", "NET_RAW"}),
        ({"capabilities_dropped": ("CHOWN", "FOWNER")}, {"DAC_OVERRIDE", "SETGID", "SETUID"}),
        ({"capabilities_dropped": ("ALL",), "capabilities_added": ("KILL",)}, {"KILL"}),
        ({"capabilities_dropped": ("ALL",)}, set()),
    ],
    ids=["added", "dropped", "only one", "none"],
)
def test_capabilities_are_what_the_image_needs_less_the_dropped_and_with_the_added(
    settings: dict[str, Any], added: set[str]
) -> None:
    capabilities = container(asked(**settings))["securityContext"]["capabilities"]
    assert capabilities["drop"] == ["ALL"]
    assert set(capabilities.get("add", ())) == added


UNSAFE = [
    ("net.core.somaxconn", (1, 37), "sysctl_unsafe", "not safe"),
    ("net.ipv4.tcp_rmem", (1, 31), "sysctl_later", "since Kubernetes 1.32, and the cluster is 1.31"),
]


@pytest.mark.parametrize(("name", "release", "code", "text"), UNSAFE, ids=["unsafe", "later"])
def test_a_kernel_setting_that_the_nodes_refuse_is_refused_by_name(
    name: str, release: tuple[int, int], code: str, text: str
) -> None:
    workload = replace(WEB, pod=PodSettings(sysctls={name: "1"}))
    result = made(workload, served=served_by(release))
    assert finding(result, code).level is Level.LOST
    assert "sysctls" not in pod(result)["securityContext"]
    with pytest.raises(InvalidInput, match=text) as refused:
        manifests_of(workload, namespace="shop", served=served_by(release))
    assert refused.value.field == "sysctls"
    assert name in refused.value.message
    assert "by hand" in refused.value.next_step


def test_a_stateful_workload_cannot_have_a_host_name_of_its_own() -> None:
    db = replace(WEB, image="postgres:16", volumes=(Mount(path="/var/lib/postgresql/data", volume="data"),))
    result = asked(db, hostname="thedb")
    assert "hostname" not in pod(result)
    assert finding(result, "hostname_stateful").level is Level.LOST


def test_own_name_servers_are_told_to_hide_the_names_of_services() -> None:
    assert finding(asked(dns_servers=("10.9.9.9",)), "dns_own").level is Level.DIFFERS
    searching = asked(dns_searches=("corp.example.com",))
    assert "dns_own" not in codes(searching)
    assert "dnsPolicy" not in pod(searching)


def test_an_annotation_that_looks_like_a_secret_or_is_no_name_is_left_out_and_told() -> None:
    result = asked(annotations={"example.com/password": "correct-horse-7", "a b": "x", "note": "fine"})
    assert template(result)["metadata"]["annotations"] == {"note": "fine"}
    assert {"label_secret", "label_key"} <= codes(result)
    assert "correct-horse-7" not in repr(result)


def test_what_is_reserved_wins_over_what_was_measured_and_never_exceeds_the_limit() -> None:
    measured = replace(WEB, resources=Resources(memory_bytes=64 * MI))
    result = asked(measured, GenerateOptions(profile="L"), requested_memory_bytes=96 * MI)
    assert container(result)["resources"]["requests"]["memory"] == "64Mi"
