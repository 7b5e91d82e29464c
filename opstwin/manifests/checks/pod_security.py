"""Pod Security Standards, level baseline (kubernetes.io/docs/concepts/security/pod-security-standards), all controls.

The lists are those of the newest standard; where a control came or grew with a release, that release stands beside.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from opstwin.domain.values import Json
from opstwin.manifests.checks.pods import Container, Pod, at
from opstwin.manifests.checks.sheets import Object, Sheet, listed, mapping, number, objects, text
from opstwin.manifests.nodes import Path

_CAPABILITIES: Final = frozenset({
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
    "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
})  # fmt: skip
SAFE_SYSCTLS: Final[Mapping[str, int]] = {
    "kernel.shm_rmid_forced": 0, "net.ipv4.ip_local_port_range": 0, "net.ipv4.ip_unprivileged_port_start": 0,
    "net.ipv4.tcp_syncookies": 0, "net.ipv4.ping_group_range": 0, "net.ipv4.ip_local_reserved_ports": 27,
    "net.ipv4.tcp_keepalive_time": 29, "net.ipv4.tcp_fin_timeout": 29, "net.ipv4.tcp_keepalive_intvl": 29,
    "net.ipv4.tcp_keepalive_probes": 29, "net.ipv4.tcp_rmem": 32, "net.ipv4.tcp_wmem": 32,
}  # fmt: skip
"""The settings of the kernel that are safe in a pod, with the minor release since which they are."""

_SELINUX: Final = {"": 0, "container_t": 0, "container_init_t": 0, "container_kvm_t": 0, "container_engine_t": 31}
_APP_ARMOR: Final = "container.apparmor.security.beta.kubernetes.io/"
_PROBE_HOSTS_SINCE: Final = 34
_ROOTS: Final = (
    "/", "/boot", "/dev", "/etc", "/home", "/lib", "/proc", "/root", "/run", "/sys", "/usr", "/var", "/var/lib",
    "/var/lib/docker", "/var/lib/kubelet", "/var/lib/containerd", "/var/run", "/etc/kubernetes",
    "/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/var/run/crio/crio.sock",
)  # fmt: skip
"""Host paths that give the node away; not part of the standard, which forbids all host paths alike."""

Breach = Callable[[str, Path, Json], None]


def check_baseline(sheet: Sheet, pod: Pod, minor: int) -> None:
    """Every control of the level baseline, as release 1.`minor` has it."""

    def breach(control: str, path: Path, value: Json) -> None:
        sheet.add(f"security/{control}", path, value=value, standard="baseline")

    _namespaces(breach, pod)
    _volumes(sheet, breach, pod)
    _sysctls(breach, pod, minor)
    _annotations(breach, pod)
    for context, path in contexts(pod):
        _context(breach, context, path, minor)
    for container in pod.containers:
        _container(breach, container)
        if minor >= _PROBE_HOSTS_SINCE:
            _probe_hosts(breach, container)


def contexts(pod: Pod) -> Iterator[tuple[Object, Path]]:
    """The securityContext of the pod and of each container, where there is one."""
    for holder, path in ((pod.spec, pod.spec_path), *((item.value, item.path) for item in pod.containers)):
        if isinstance(context := holder.get("securityContext"), dict):
            yield context, (*path, "securityContext")


def _namespaces(breach: Breach, pod: Pod) -> None:
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.spec.get(field) is True:
            breach("host-namespaces", (*pod.spec_path, field), field)


def _volumes(sheet: Sheet, breach: Breach, pod: Pod) -> None:
    for place, volume in objects(pod.spec.get("volumes")):
        if volume.get("hostPath") is None:
            continue
        found, path = text(at(volume, "hostPath", "path")), (*pod.spec_path, "volumes", place, "hostPath")
        breach("host-path", path, found or "?")
        if _normal(found) in _ROOTS:
            sheet.add("security/host-root", (*path, "path"), value=found)


def _normal(path: str) -> str:
    """The path without `.`, `..` and doubled slashes."""
    steps: list[str] = []
    for step in path.split("/"):
        if step == "..":
            steps = steps[:-1]
        elif step not in {"", "."}:
            steps.append(step)
    return "/" + "/".join(steps)


def _sysctls(breach: Breach, pod: Pod, minor: int) -> None:
    for place, item in objects(at(pod.spec, "securityContext", "sysctls")):
        name = text(item.get("name"))
        if SAFE_SYSCTLS.get(name.replace("/", "."), 1_000) > minor:
            breach("sysctls", (*pod.spec_path, "securityContext", "sysctls", place, "name"), name)


def _annotations(breach: Breach, pod: Pod) -> None:
    for key, value in mapping(pod.metadata, "annotations").items():
        profile = text(value)
        fine = profile in {"", "runtime/default"} or profile.startswith("localhost/")
        if key.startswith(_APP_ARMOR) and not fine:
            breach("app-armor", (*pod.path, "metadata", "annotations", key), profile)


def _context(breach: Breach, context: Object, path: Path, minor: int) -> None:
    if at(context, "windowsOptions", "hostProcess") is True:
        breach("host-process", (*path, "windowsOptions", "hostProcess"), True)
    if at(context, "seccompProfile", "type") == "Unconfined":
        breach("seccomp", (*path, "seccompProfile", "type"), "Unconfined")
    profile = text(at(context, "appArmorProfile", "type"))
    if profile not in {"", "RuntimeDefault", "Localhost"}:
        breach("app-armor", (*path, "appArmorProfile", "type"), profile)
    options = mapping(context, "seLinuxOptions")
    if _SELINUX.get(text(options.get("type")), 1_000) > minor:
        breach("selinux", (*path, "seLinuxOptions", "type"), "type")
    for field in ("user", "role"):
        if options.get(field):
            breach("selinux", (*path, "seLinuxOptions", field), field)


def _container(breach: Breach, container: Container) -> None:
    context, path = mapping(container.value, "securityContext"), (*container.path, "securityContext")
    if context.get("privileged") is True:
        breach("privileged", (*path, "privileged"), True)
    for place, name in enumerate(listed(at(context, "capabilities", "add"))):
        if not isinstance(name, str) or name not in _CAPABILITIES:
            breach("capabilities", (*path, "capabilities", "add", place), name)
    mount = context.get("procMount")
    if mount not in (None, "", "Default"):
        breach("proc-mount", (*path, "procMount"), mount)
    for place, port in objects(container.value.get("ports")):
        if number(port.get("hostPort")):
            breach("host-port", (*container.path, "ports", place, "hostPort"), port.get("hostPort"))


def _probe_hosts(breach: Breach, container: Container) -> None:
    hooks = [(name,) for name in ("livenessProbe", "readinessProbe", "startupProbe")]
    for steps in (*hooks, ("lifecycle", "postStart"), ("lifecycle", "preStop")):
        for handler in ("httpGet", "tcpSocket"):
            if host := text(at(container.value, *steps, handler, "host")):
                breach("probe-host", (*container.path, *steps, handler, "host"), host)
