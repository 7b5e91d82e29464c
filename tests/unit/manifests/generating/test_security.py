"""A container may do as little as its image is known to need."""

from dataclasses import replace

import pytest

from opstwin.domain.workload import Mount, Port, Workload
from opstwin.manifests.generating.generator import Request, generated
from opstwin.manifests.generating.info import ContainerInfo
from opstwin.manifests.generating.options import GenerateOptions
from tests.unit.manifests.generating.looking import codes, container, made, pod

API = Workload(name="api", image="registry.example.com/shop/api:2")
ROOT_STARTS_WITH = {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}
BASELINE = {
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
    "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}  # fmt: skip
"""What the Pod Security level `baseline` allows to add."""


@pytest.mark.parametrize("image", ["registry.example.com/shop/api:2", "nginx:1.27", "postgres:16", "redis:7-alpine"])
def test_every_container_drops_all_rights_and_gains_none(image: str) -> None:
    result = made(replace(API, image=image))
    security = container(result)["securityContext"]
    assert security["capabilities"]["drop"] == ["ALL"]
    assert security["allowPrivilegeEscalation"] is False
    assert pod(result)["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert set(security["capabilities"].get("add", ())) <= BASELINE


@pytest.mark.parametrize(
    ("user", "number", "group"),
    [("1000", 1000, None), ("10001:20002", 10001, 20002), ("nobody", 65534, None), ("node", 1000, None)],
)
def test_an_image_with_a_user_of_its_own_runs_as_that_and_never_as_root(
    user: str, number: int, group: int | None
) -> None:
    result = made(API, GenerateOptions(image_user=user))
    context = pod(result)["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] == number
    assert context.get("runAsGroup") == group
    assert container(result)["securityContext"]["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize(("user", "code"), [("", "root"), ("0", "root"), ("root", "root"), (None, "user_unknown")])
def test_root_and_an_unknown_user_are_said_and_can_start(user: str | None, code: str) -> None:
    result = made(API, GenerateOptions(image_user=user))
    assert code in codes(result)
    assert "runAsNonRoot" not in pod(result)["securityContext"]
    assert set(container(result)["securityContext"]["capabilities"]["add"]) == ROOT_STARTS_WITH


def test_a_user_that_is_only_a_name_is_not_promised_to_be_no_root() -> None:
    result = made(API, GenerateOptions(image_user="app"))
    assert "runAsNonRoot" not in pod(result)["securityContext"]
    assert "user_named" in codes(result)


@pytest.mark.parametrize(("image", "user"), [("postgres:16", 999), ("postgres:16-alpine", 70), ("redis:7-alpine", 999)])
def test_a_known_database_runs_as_its_own_user_and_owns_its_volumes(image: str, user: int) -> None:
    workload = Workload(name="db", image=image, volumes=(Mount(path="/data", volume="data"),))
    context = pod(made(workload))["securityContext"]
    assert context["runAsUser"] == user
    assert context["runAsNonRoot"] is True
    assert context["fsGroup"] == context["runAsGroup"]


def test_a_container_engines_own_finding_wins_over_what_is_known_of_the_image() -> None:
    info = ContainerInfo(name="db", image="postgres:16", user="5000")
    assert pod(generated(Request(containers=(info,))))["securityContext"]["runAsUser"] == 5000


def test_where_the_image_writes_is_a_folder_of_its_own_and_the_rest_is_read_only() -> None:
    result = made(API, GenerateOptions(image_writes=("/tmp", "/var/cache/api")))
    assert container(result)["securityContext"]["readOnlyRootFilesystem"] is True
    assert [item["mountPath"] for item in container(result)["volumeMounts"]] == ["/tmp", "/var/cache/api"]
    assert all(volume["emptyDir"] == {} for volume in pod(result)["volumes"])


def test_a_folder_that_a_volume_covers_needs_no_second_one() -> None:
    workload = replace(API, volumes=(Mount(path="/var", volume="var"),))
    result = made(workload, GenerateOptions(image_writes=("/var/cache", "/var", "/variety")))
    assert [item["mountPath"] for item in container(result)["volumeMounts"]] == ["/var", "/variety"]


def test_where_nothing_is_known_the_file_system_stays_writable_and_that_is_said() -> None:
    result = made(API)
    assert "readOnlyRootFilesystem" not in container(result)["securityContext"]
    assert "root_file_system" in codes(result)


def test_a_low_port_is_the_one_right_that_is_added_for_a_plain_user() -> None:
    result = made(replace(API, ports=(Port(container=80),)), GenerateOptions(image_user="1000"))
    assert container(result)["securityContext"]["capabilities"]["add"] == ["NET_BIND_SERVICE"]


def test_no_pod_gets_a_key_to_the_cluster() -> None:
    for options in (GenerateOptions(), GenerateOptions(service_account="api")):
        result = made(API, options)
        assert pod(result)["automountServiceAccountToken"] is False
        assert pod(result).get("serviceAccountName") == options.service_account
        assert len(result.of_kind("ServiceAccount")) == (options.service_account is not None)
        assert all(item.document["automountServiceAccountToken"] is False for item in result.of_kind("ServiceAccount"))
