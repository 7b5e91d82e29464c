"""What was asked of the pod itself, as fields of the pod and of its container, each explained."""

from collections.abc import Iterator, Mapping
from typing import Final

from opstwin.domain.pod_settings import PodSettings
from opstwin.domain.values import Json
from opstwin.manifests.checks.pod_security import SAFE_SYSCTLS
from opstwin.manifests.generating.parts import Parts
from opstwin.manifests.generating.results import Level, Notes

_ASKED: Final = "request"


def pod_fields(parts: Parts, notes: Notes) -> dict[str, Json]:
    """Fields of the pod's spec. `notes` are the pod's."""
    pod = parts.info.pod
    found: dict[str, Json] = {**_ending(pod), **_naming(parts, notes), **_placing(pod)}
    for name, (code, words) in _WHYS.items():
        if name in found:
            notes.why(name, found[name], code, _ASKED, **{word: getattr(pod, word) for word in words})
    return found


def pod_context(parts: Parts, notes: Notes) -> dict[str, Json]:
    """What comes to the `securityContext` of the pod: groups, and kernel settings that a node allows."""
    pod, found = parts.info.pod, dict[str, Json]()
    if pod.groups:
        found["supplementalGroups"] = [*pod.groups]
        notes.why("securityContext.supplementalGroups", [*pod.groups], "groups", _ASKED)
    safe: list[Json] = [{"name": name, "value": pod.sysctls[name]} for name in _safe(parts, notes)]
    if safe:
        found["sysctls"] = safe
        notes.why("securityContext.sysctls", safe, "sysctls", _ASKED)
    return found


def container_fields(parts: Parts, notes: Notes) -> dict[str, Json]:
    """Fields of the container."""
    pod, found = parts.info.pod, dict[str, Json]()
    if pod.pull is not None:
        found["imagePullPolicy"] = pod.pull.value
        notes.why("imagePullPolicy", pod.pull.value, "pull", _ASKED)
    for name, wanted in (("stdin", pod.input), ("tty", pod.terminal)):
        if wanted:
            found[name] = True
            notes.why(name, True, name, _ASKED)
    return found


def _ending(pod: PodSettings) -> dict[str, Json]:
    found: dict[str, Json] = {}
    if pod.stop_grace_s is not None:
        found["terminationGracePeriodSeconds"] = pod.stop_grace_s
    if pod.reaps:
        found["shareProcessNamespace"] = True
    return found


def _naming(parts: Parts, notes: Notes) -> dict[str, Json]:
    pod, found = parts.info.pod, dict[str, Json]()
    if pod.hostname and parts.kind == "StatefulSet":
        notes.find("hostname_stateful", Level.LOST, "hostname", name=pod.hostname)
    elif pod.hostname:
        found["hostname"] = pod.hostname
    if pod.hosts:
        found["hostAliases"] = _aliases(pod.hosts)
    if pod.dns_servers:
        found["dnsPolicy"] = "None"
        notes.find("dns_own", Level.DIFFERS, "dns", servers=", ".join(pod.dns_servers))
    config = _dns(pod)
    return {**found, "dnsConfig": config} if config else found


def _aliases(hosts: Mapping[str, str]) -> Json:
    """One entry for each address: that is the key of the list."""
    named: dict[str, list[Json]] = {}
    for name, address in hosts.items():
        named.setdefault(address, []).append(name)
    return [{"ip": address, "hostnames": names} for address, names in named.items()]


def _dns(pod: PodSettings) -> dict[str, Json]:
    options = [option.partition(":") for option in pod.dns_options]
    parts: dict[str, list[Json]] = {
        "nameservers": [*pod.dns_servers],
        "searches": [*pod.dns_searches],
        "options": [{"name": name, "value": value} if value else {"name": name} for name, _, value in options],
    }
    return {key: value for key, value in parts.items() if value}


def _placing(pod: PodSettings) -> dict[str, Json]:
    if not pod.platform:
        return {}
    system, _, architecture = pod.platform.partition("/")
    labels: dict[str, Json] = {"kubernetes.io/os": system}
    return {"nodeSelector": labels | ({"kubernetes.io/arch": architecture} if architecture else {})}


def _safe(parts: Parts, notes: Notes) -> Iterator[str]:
    """The names of the settings that every node allows; the others are told."""
    minor = parts.served.release[1]
    for name in sorted(parts.info.pod.sysctls):
        since = SAFE_SYSCTLS.get(name)
        if since is not None and since <= minor:
            yield name
        elif since is None:
            notes.find("sysctl_unsafe", Level.LOST, "sysctls", name=name)
        else:
            notes.find("sysctl_later", Level.LOST, "sysctls", name=name, since=f"1.{since}", here=f"1.{minor}")


_WHYS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "terminationGracePeriodSeconds": ("grace", ("stop_grace_s",)), "shareProcessNamespace": ("reaps", ()),
    "hostname": ("hostname", ()), "hostAliases": ("hosts", ()), "dnsPolicy": ("dns_policy", ()),
    "dnsConfig": ("dns_config", ()), "nodeSelector": ("platform", ("platform",)),
}  # fmt: skip
