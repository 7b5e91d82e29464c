"""Pod Security admission: the main rules of `baseline` and `restricted`, enforced or warned of."""

from collections.abc import Callable, Iterator
from typing import Final

from opstwin.targets.sim.kube.catalogue import Kind
from opstwin.targets.sim.kube.cluster import Cluster, How
from opstwin.targets.sim.kube.failures import forbidden
from opstwin.targets.sim.kube.schema import Doc

_SINCE: Final = 23
_LABEL: Final = "pod-security.kubernetes.io/"
_BASE_CAPABILITIES: Final = {
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
    "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}  # fmt: skip
_VOLUMES: Final = {
    "configMap", "downwardAPI", "emptyDir", "projected", "secret", "csi", "persistentVolumeClaim", "ephemeral", "name",
    "image",
}  # fmt: skip


def security_checked(cluster: Cluster, kind: Kind, doc: Doc, live: Doc | None, how: How) -> None:
    """Refuse a pod that its namespace's `enforce` level forbids; warn where `warn` says so. Raises 403."""
    spec = _pod_spec(kind, doc)
    if (
        cluster.minor < _SINCE
        or spec is None
        or how.subresource
        or (live is not None and spec == _pod_spec(kind, live))
    ):
        return
    space = cluster.get("Namespace", "", doc["metadata"].get("namespace", "")) or {"metadata": {}}
    labels = space["metadata"].get("labels") or {}
    enforced, warned = labels.get(f"{_LABEL}enforce"), labels.get(f"{_LABEL}warn")
    found = ", ".join(violations(spec, enforced or ""))
    if kind.name == "Pod" and found:
        level = f"{enforced}:{labels.get(f'{_LABEL}enforce-version', 'latest')}"
        raise forbidden("", "pods", doc["metadata"].get("name", ""), f'violates PodSecurity "{level}": {found}')
    found = ", ".join(violations(spec, warned or ""))
    if found:
        level = f"{warned}:{labels.get(f'{_LABEL}warn-version', 'latest')}"
        how.warnings.append(f'would violate PodSecurity "{level}": {found}')


def _pod_spec(kind: Kind, doc: Doc) -> Doc | None:
    spec: Doc = doc.get("spec") or {}
    if kind.name == "Pod":
        return spec
    if kind.name == "CronJob":
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    found: Doc | None = (spec.get("template") or {}).get("spec")
    return found if kind.group in ("apps", "batch", "") else None


def violations(spec: Doc, level: str) -> list[str]:
    """What a pod's spec does that a level (`baseline` or `restricted`) forbids, as the server words it."""
    rules = {"baseline": _BASELINE, "restricted": (*_RESTRICTED,)}.get(level, ())
    return [text for rule in rules for text in rule(spec)]


def _containers(spec: Doc) -> list[Doc]:
    return [
        *(spec.get("initContainers") or []),
        *(spec.get("containers") or []),
        *(spec.get("ephemeralContainers") or []),
    ]


def _context(container: Doc) -> Doc:
    found: Doc = container.get("securityContext") or {}
    return found


def _names(containers: list[Doc]) -> str:
    quoted = ", ".join(f'"{item["name"]}"' for item in containers)
    return f"container {quoted}" if len(containers) == 1 else f"containers {quoted}"


def _host_namespaces(spec: Doc) -> Iterator[str]:
    found = [f"{name}=true" for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    if found:
        yield f"host namespaces ({', '.join(found)})"


def _privileged(spec: Doc) -> Iterator[str]:
    found = [item for item in _containers(spec) if _context(item).get("privileged")]
    if found:
        yield f"privileged ({_names(found)} must not set securityContext.privileged=true)"


def _added_capabilities(spec: Doc) -> Iterator[str]:
    found, added = [], set()
    for item in _containers(spec):
        wrong = set((_context(item).get("capabilities") or {}).get("add") or []) - _BASE_CAPABILITIES
        if wrong:
            found.append(item)
            added |= wrong
    if found:
        listed = ", ".join(f'"{name}"' for name in sorted(added))
        where = "in securityContext.capabilities.add"
        yield f"non-default capabilities ({_names(found)} must not include {listed} {where})"


def _host_paths(spec: Doc) -> Iterator[str]:
    found = [item["name"] for item in spec.get("volumes") or [] if item.get("hostPath")]
    if found:
        word = "volume" if len(found) == 1 else "volumes"
        yield f"hostPath volumes ({word} " + ", ".join(f'"{name}"' for name in found) + ")"


def _host_ports(spec: Doc) -> Iterator[str]:
    ports = {
        item["name"]: [port["hostPort"] for port in item.get("ports") or [] if port.get("hostPort")]
        for item in _containers(spec)
    }
    found = [item for item in _containers(spec) if ports[item["name"]]]
    if found:
        numbers = ", ".join(str(port) for item in found for port in ports[item["name"]])
        word = "hostPort" if numbers.count(",") == 0 else "hostPorts"
        yield f"hostPort ({_names(found)} uses {word} {numbers})"


def _escalation(spec: Doc) -> Iterator[str]:
    found = [item for item in _containers(spec) if _context(item).get("allowPrivilegeEscalation") is not False]
    if found:
        yield (
            f"allowPrivilegeEscalation != false ({_names(found)} must set "
            "securityContext.allowPrivilegeEscalation=false)"
        )


def _dropped_capabilities(spec: Doc) -> Iterator[str]:
    keeps, adds = [], []
    for item in _containers(spec):
        capabilities = _context(item).get("capabilities") or {}
        if "ALL" not in (capabilities.get("drop") or []):
            keeps.append(item)
        if set(capabilities.get("add") or []) - {"NET_BIND_SERVICE"}:
            adds.append(item)
    parts = []
    if keeps:
        parts.append(f'{_names(keeps)} must set securityContext.capabilities.drop=["ALL"]')
    if adds:
        wrong = sorted({name for item in adds for name in _context(item)["capabilities"]["add"]} - {"NET_BIND_SERVICE"})
        listed = ", ".join(f'"{name}"' for name in wrong)
        parts.append(f"{_names(adds)} must not include {listed} in securityContext.capabilities.add")
    if parts:
        yield f"unrestricted capabilities ({'; '.join(parts)})"


def _volume_types(spec: Doc) -> Iterator[str]:
    wrong = [(item["name"], sorted(set(item) - _VOLUMES)) for item in spec.get("volumes") or [] if set(item) - _VOLUMES]
    if wrong:
        names = ", ".join(f'"{name}"' for name, _ in wrong)
        kinds = ", ".join(f'"{kind}"' for kind in sorted({kind for _, kinds in wrong for kind in kinds}))
        word, use = ("volume", "uses") if len(wrong) == 1 else ("volumes", "use")
        yield f"restricted volume types ({word} {names} {use} restricted volume type {kinds})"


def _non_root(spec: Doc) -> Iterator[str]:
    pod = (spec.get("securityContext") or {}).get("runAsNonRoot")
    found = [item for item in _containers(spec) if _context(item).get("runAsNonRoot", pod) is not True]
    if found:
        yield f"runAsNonRoot != true (pod or {_names(found)} must set securityContext.runAsNonRoot=true)"


def _root_user(spec: Doc) -> Iterator[str]:
    if (spec.get("securityContext") or {}).get("runAsUser") == 0:
        yield "runAsUser=0 (pod must not set runAsUser=0)"
    found = [item for item in _containers(spec) if _context(item).get("runAsUser") == 0]
    if found:
        yield f"runAsUser=0 ({_names(found)} must not set runAsUser=0)"


def _seccomp(spec: Doc) -> Iterator[str]:
    pod = ((spec.get("securityContext") or {}).get("seccompProfile") or {}).get("type")
    good = ("RuntimeDefault", "Localhost")
    found = [
        item for item in _containers(spec) if (_context(item).get("seccompProfile") or {}).get("type", pod) not in good
    ]
    if found:
        yield (
            f"seccompProfile (pod or {_names(found)} must set securityContext.seccompProfile.type to "
            '"RuntimeDefault" or "Localhost")'
        )


_BASELINE: Final[tuple[Callable[[Doc], Iterator[str]], ...]] = (
    _host_namespaces, _privileged, _added_capabilities, _host_paths, _host_ports,
)  # fmt: skip
_RESTRICTED: Final[tuple[Callable[[Doc], Iterator[str]], ...]] = (
    _host_namespaces, _privileged, _host_ports, _escalation, _dropped_capabilities, _volume_types, _non_root,
    _root_user, _seccomp,
)  # fmt: skip
