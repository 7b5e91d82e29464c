"""Keys of a Compose service that only a cluster is told."""

import pytest

from opstwin.domain.pod_settings import NO_POD_SETTINGS, PodSettings, Pull
from opstwin.domain.values import TargetId
from opstwin.domain.workload import Workload
from opstwin.errors import InvalidInput
from opstwin.intent.compose_advice import POD_KEYS, SERVICE, SERVICE_KEYS
from opstwin.intent.compose_pod import KEYS_READ
from opstwin.intent.document import Workloads, read_document
from opstwin.intent.workload_file import read_workloads, workload_yaml
from opstwin.targets.rendering import ContainerRenderer

MI = 2**20
WEB = "name: shop\nservices:\n  web:\n    image: nginx:1.27\n"

SAID: dict[str, tuple[str, PodSettings]] = {
    "read_only": ("read_only: true", PodSettings(read_only=True)),
    "read_only off": ("read_only: false", NO_POD_SETTINGS),
    "tmpfs": ("tmpfs: /run", PodSettings(memory_folders={"/run": None})),
    "tmpfs list": (
        "tmpfs: ['/run:size=8m,mode=1777,rw', /tmp]", PodSettings(memory_folders={"/run": 8 * MI, "/tmp": None}),
    ),
    "tmpfs mount": (
        "volumes: [{type: tmpfs, target: /cache, tmpfs: {size: 1m, mode: 0777}}]",
        PodSettings(memory_folders={"/cache": MI}),
    ),
    "shm_size": ("shm_size: 64m", PodSettings(shared_memory_bytes=64 * MI)),
    "stop_grace_period": ("stop_grace_period: 1m30s", PodSettings(stop_grace_s=90)),
    "half a second": ("stop_grace_period: 500ms", PodSettings(stop_grace_s=1)),
    "extra_hosts list": (
        "extra_hosts: ['a.corp:10.0.0.1', 'b.corp=10.0.0.1', 'c.corp:[2001:db8::1]', 'd.corp:2001:db8::2']",
        PodSettings(hosts={
            "a.corp": "10.0.0.1", "b.corp": "10.0.0.1", "c.corp": "2001:db8::1", "d.corp": "2001:db8::2",
        }),
    ),
    "extra_hosts mapping": ("extra_hosts: {a.corp: 10.0.0.1}", PodSettings(hosts={"a.corp": "10.0.0.1"})),
    "dns": ("dns: 10.9.9.9", PodSettings(dns_servers=("10.9.9.9",))),
    "dns list": ("dns: [10.9.9.9, 10.9.9.8]", PodSettings(dns_servers=("10.9.9.9", "10.9.9.8"))),
    "dns_search": ("dns_search: [corp.example.com]", PodSettings(dns_searches=("corp.example.com",))),
    "dns_opt": ("dns_opt: ['ndots:2', use-vc]", PodSettings(dns_options=("ndots:2", "use-vc"))),
    "sysctls": ("sysctls: {net.ipv4.tcp_syncookies: 1}", PodSettings(sysctls={"net.ipv4.tcp_syncookies": "1"})),
    "sysctls list": (
        "sysctls: [net/ipv4/ip_local_port_range=1024 65000]",
        PodSettings(sysctls={"net.ipv4.ip_local_port_range": "1024 65000"}),
    ),
    "cap_add": ("cap_add: [CAP_NET_RAW, net_raw, KILL]", PodSettings(capabilities_added=("NET_RAW", "KILL"))),
    "cap_drop": ("cap_drop: [ALL]", PodSettings(capabilities_dropped=("ALL",))),
    "hostname": ("hostname: shopweb", PodSettings(hostname="shopweb")),
    "group_add": ("group_add: [2000, '3000']", PodSettings(groups=(2000, 3000))),
    "init": ("init: true", PodSettings(reaps=True)),
    "tty": ("tty: true", PodSettings(terminal=True)),
    "stdin_open": ("stdin_open: true", PodSettings(input=True)),
    "pull_policy": ("pull_policy: always", PodSettings(pull=Pull.ALWAYS)),
    "pull_policy if_not_present": ("pull_policy: if_not_present", PodSettings(pull=Pull.MISSING)),
    "platform": ("platform: linux/arm/v7", PodSettings(platform="linux/arm")),
    "annotations": ("annotations: [example.com/note=hi]", PodSettings(annotations={"example.com/note": "hi"})),
    "security_opt": ("security_opt: ['no-new-privileges:true']", NO_POD_SETTINGS),
    "mem_reservation": ("mem_reservation: 32m", PodSettings(requested_memory_bytes=32 * MI)),
    "reservations": (
        "deploy: {resources: {reservations: {cpus: '0.25', memory: 32m}}}",
        PodSettings(requested_cpu_millicores=250, requested_memory_bytes=32 * MI),
    ),
}  # fmt: skip


def service(lines: str, *, for_cluster: bool = True) -> Workload:
    text = WEB + "".join(f"    {line}\n" for line in lines.splitlines())
    document = read_document(text, for_cluster=for_cluster)
    assert isinstance(document, Workloads)
    return document.items[0]


@pytest.mark.parametrize(("lines", "pod"), SAID.values(), ids=SAID.keys())
def test_for_a_cluster_a_key_says_what_the_pod_gets(lines: str, pod: PodSettings) -> None:
    assert service(lines).pod == pod


@pytest.mark.parametrize(("lines", "pod"), SAID.values(), ids=SAID.keys())
def test_a_container_engine_is_told_none_of_them_and_the_key_is_refused_as_before(lines: str, pod: PodSettings) -> None:
    with pytest.raises(InvalidInput) as refused:
        service(lines, for_cluster=False)
    assert refused.value.field.startswith("services.web.")
    assert refused.value.details["line"] == 5


def test_every_key_that_a_cluster_takes_is_read_by_somebody() -> None:
    assert set(POD_KEYS) == KEYS_READ
    assert not set(POD_KEYS) & set(SERVICE_KEYS)
    assert set(POD_KEYS) <= set(SERVICE)


REFUSED = {
    "tmpfs option": ("tmpfs: '/run:noexec'", "tmpfs", "noexec"),
    "tmpfs mode": ("tmpfs: '/run:mode=0700'", "tmpfs", "0700"),
    "tmpfs path": ("tmpfs: run", "tmpfs", "/data"),
    "tmpfs size": ("tmpfs: '/run:size=lots'", "tmpfs", "256m"),
    "tmpfs without target": ("volumes: [{type: tmpfs}]", "volumes[0]", "target:"),
    "tmpfs mount mode": ("volumes: [{type: tmpfs, target: /x, tmpfs: {mode: 0700}}]", "volumes[0].tmpfs.mode", "0700"),
    "folder twice": ("tmpfs: /dev/shm\nshm_size: 1m", "", "twice"),
    "tmpfs over a volume": ("tmpfs: /data\nvolumes: ['/srv:/data']", "", "folder in memory"),
    "shared memory over a volume": ("shm_size: 1m\nvolumes: ['/srv:/dev/shm/']", "", "folder in memory"),
    "tmpfs over a volume written otherwise": ("tmpfs: //data\nvolumes: ['/srv:/data/']", "", "folder in memory"),
    "no shared memory": ("shm_size: 0", "shm_size", "above 0"),
    "grace": ("stop_grace_period: soon", "stop_grace_period", "1m30s"),
    "a week of grace": ("stop_grace_period: 168h", "stop_grace_period", "86400"),
    "gateway": ("extra_hosts: ['h:host-gateway']", "extra_hosts[0]", "host-gateway"),
    "host without address": ("extra_hosts: [db]", "extra_hosts", "IP address"),
    "host name": ("extra_hosts: ['a_b:10.0.0.1']", "extra_hosts", "name of a host"),
    "host twice": ("extra_hosts: ['a:10.0.0.1', 'a:10.0.0.2']", "extra_hosts[1]", "one of the two"),
    "name server by name": ("dns: ns.example.com", "dns", "IP address"),
    "four name servers": ("dns: [10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4]", "dns", "more than 3"),
    "search": ("dns_search: ['a b']", "dns_search", "domain"),
    "sysctl form": ("sysctls: [net.ipv4.tcp_syncookies]", "sysctls[0]", "name=value"),
    "sysctl name": ("sysctls: {syncookies: 1}", "sysctls", "kernel setting"),
    "every capability": ("cap_add: [ALL]", "cap_add", "Name each one"),
    "unknown capability": ("cap_add: [NET_ADMIM]", "cap_add", "NET_ADMIM"),
    "host name with dots": ("hostname: a.b", "hostname", "without dots"),
    "group by name": ("group_add: [video]", "group_add[0]", "number"),
    "init word": ("init: maybe", "init", "true or false"),
    "pull policy": ("pull_policy: build", "pull_policy", "always"),
    "platform": ("platform: windows/amd64", "platform", "linux/amd64"),
    "seccomp": ("security_opt: ['seccomp:unconfined']", "security_opt[0]", "runtime's filter"),
    "two reservations": (
        "mem_reservation: 1m\ndeploy: {resources: {reservations: {memory: 2m}}}", "mem_reservation", "one of the two",
    ),
    "devices": (
        "deploy: {resources: {reservations: {devices: []}}}", "deploy.resources.reservations.devices", "plugin",
    ),
    "privileged": ("privileged: true", "privileged", "cap_add"),
    "gpus": ("gpus: all", "gpus", "resources.limits"),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "field", "hint"), REFUSED.values(), ids=REFUSED.keys())
def test_what_no_pod_can_do_is_refused_with_its_line_and_the_reason(lines: str, field: str, hint: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        service(lines)
    error = refused.value
    assert error.field == f"services.web.{field}".rstrip(".")
    assert isinstance(error.details["line"], int)
    assert hint in f"{error.message} {error.next_step}"
    assert error.next_step


def test_all_that_is_not_supported_for_a_cluster_is_told_at_once_without_what_is() -> None:
    with pytest.raises(InvalidInput) as refused:
        service(
            "read_only: true\nprivileged: true\nmac_address: x\ntmpfs: /run\ndeploy: {resources: {reservations: {}}}"
        )
    assert refused.value.message.startswith("2 keys of the Compose file are not supported: ")


@pytest.mark.parametrize(("lines", "pod"), SAID.values(), ids=SAID.keys())
def test_a_workload_file_says_the_same(lines: str, pod: PodSettings) -> None:
    read = service(lines)
    [again] = read_workloads(workload_yaml(read))
    assert again == read


@pytest.mark.parametrize(
    ("pod", "field", "hint"),
    [
        ("{pull: Sometimes}", "pod.pull", "Always"),
        ("{readonly: true}", "pod.readonly", "read_only"),
        ("{shared_memory_bytes: 1g}", "pod.shared_memory_bytes", "1Gi"),
        ("{stop_grace_s: -1}", "pod.stop_grace_s", "86400"),
    ],
)
def test_a_wrong_setting_of_a_workload_file_is_told_with_its_path_and_line(pod: str, field: str, hint: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_workloads(f"name: web\nimage: nginx:1.27\npod: {pod}\n")
    assert (refused.value.field, refused.value.details["line"]) == (field, 3)
    assert hint in f"{refused.value.message} {refused.value.next_step}"


def test_a_container_engine_refuses_a_workload_with_settings_of_a_pod() -> None:
    with pytest.raises(InvalidInput, match="no pods") as refused:
        ContainerRenderer(TargetId("local")).render(service("read_only: true"))
    assert refused.value.field == "pod"
