"""Pod Security Standards, level restricted: what it asks for beyond baseline, all controls."""

from typing import Final

from opstwin.domain.values import Json
from opstwin.manifests.checks.pod_security import contexts
from opstwin.manifests.checks.pods import Container, Pod, at
from opstwin.manifests.checks.sheets import Sheet, listed, mapping, objects
from opstwin.manifests.nodes import Path

_VOLUMES: Final = frozenset({
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
})  # fmt: skip
_BEYOND_LINUX_SINCE: Final = 25
"""Since this release, pods with os.name windows need not do what only Linux can."""

_ROOT_USER_SINCE: Final = 23
_CAPABILITIES_SINCE: Final = 22


def check_restricted(sheet: Sheet, pod: Pod, minor: int) -> None:
    """Every control that restricted adds, as release 1.`minor` has it."""
    windows = minor >= _BEYOND_LINUX_SINCE and at(pod.spec, "os", "name") == "windows"
    _volume_types(sheet, pod)
    _non_root(sheet, pod)
    if minor >= _ROOT_USER_SINCE:
        for context, path in contexts(pod):
            if context.get("runAsUser") == 0 and context.get("runAsUser") is not False:
                _breach(sheet, "root-user", (*path, "runAsUser"))
    if windows:
        return
    _seccomp(sheet, pod)
    for container in pod.containers:
        _escalation(sheet, container)
        if minor >= _CAPABILITIES_SINCE:
            _capabilities(sheet, container)


def _breach(sheet: Sheet, control: str, path: Path, value: Json = None) -> None:
    sheet.add(f"security/{control}", path, value=value, standard="restricted")


def _volume_types(sheet: Sheet, pod: Pod) -> None:
    for place, volume in objects(pod.spec.get("volumes")):
        for name in volume:
            if name not in _VOLUMES | {"name", "hostPath"} and volume[name] is not None:
                _breach(sheet, "volume-type", (*pod.spec_path, "volumes", place, name), name)


def _non_root(sheet: Sheet, pod: Pod) -> None:
    whole = at(pod.spec, "securityContext", "runAsNonRoot")
    for container in pod.containers:
        own = at(container.value, "securityContext", "runAsNonRoot")
        if own is False or (own is None and whole is not True):
            _breach(sheet, "non-root", (*container.path, "securityContext", "runAsNonRoot"))


def _seccomp(sheet: Sheet, pod: Pod) -> None:
    whole = at(pod.spec, "securityContext", "seccompProfile", "type")
    for container in pod.containers:
        if at(container.value, "securityContext", "seccompProfile", "type") is None and whole is None:
            _breach(sheet, "seccomp-unset", (*container.path, "securityContext", "seccompProfile"))


def _escalation(sheet: Sheet, container: Container) -> None:
    if at(container.value, "securityContext", "allowPrivilegeEscalation") is not False:
        _breach(sheet, "escalation", (*container.path, "securityContext", "allowPrivilegeEscalation"))


def _capabilities(sheet: Sheet, container: Container) -> None:
    capabilities = mapping(container.value, "securityContext", "capabilities")
    path = (*container.path, "securityContext", "capabilities")
    if "ALL" not in listed(capabilities.get("drop")):
        _breach(sheet, "drop-all", (*path, "drop"))
    for place, name in enumerate(listed(capabilities.get("add"))):
        if name != "NET_BIND_SERVICE":
            _breach(sheet, "added-capability", (*path, "add", place), name)
