"""ResourceQuota: what a namespace may hold."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from opstwin.targets.sim.kube.catalogue import Kind
from opstwin.targets.sim.kube.cluster import Cluster
from opstwin.targets.sim.kube.failures import forbidden
from opstwin.targets.sim.kube.quantities import amount, canonical, quantity_text
from opstwin.targets.sim.kube.schema import Doc
from opstwin.targets.sim.kube.store import Key

QUOTAS: Final = "resourcequotas"
_COMPUTE: Final = ("cpu", "memory", "ephemeral-storage")
_PLAIN: Final = ("pods", "services", "secrets", "configmaps", "persistentvolumeclaims", "replicationcontrollers",
                 "resourcequotas")  # fmt: skip


def quota_kept(cluster: Cluster, kind: Kind, doc: Doc, live: Doc | None) -> None:
    """Refuse what goes beyond a quota of its namespace. Raises 403."""
    for key, quota in cluster.store.all(QUOTAS, doc["metadata"].get("namespace", "")):
        hard = (quota.get("spec") or {}).get("hard") or {}
        new, old = _charge(kind, doc, hard), _charge(kind, live, hard) if live else {}
        if kind.name == "Pod" and live is None:
            _must_say(kind, doc, key.name, hard, cluster.minor)
        more = {name: value - old.get(name, Decimal(0)) for name, value in new.items()}
        more = {name: value for name, value in more.items() if value > 0}
        used = usage(cluster, key.namespace, hard) if more else {}
        over = sorted(name for name, value in more.items() if used[name] + value > amount(hard[name]))
        if over:
            raise forbidden(
                kind.group, kind.plural, doc["metadata"].get("name", ""), _text(key, hard, used, more, over)
            )


def _text(key: Key, hard: Doc, used: dict[str, Decimal], more: dict[str, Decimal], over: list[str]) -> str:
    def told(values: dict[str, Decimal]) -> str:
        return ",".join(f"{name}={quantity_text(values[name], str(hard[name]))}" for name in over)

    limited = ",".join(f"{name}={canonical(hard[name])}" for name in over)
    return f"exceeded quota: {key.name}, requested: {told(more)}, used: {told(used)}, limited: {limited}"


def usage(cluster: Cluster, namespace: str, hard: Doc) -> dict[str, Decimal]:
    """How much of each limited amount the namespace holds now."""
    used = dict.fromkeys(hard, Decimal(0))
    for kind in _kinds_of(cluster, hard):
        for _, doc in cluster.store.all(kind.home, namespace):
            for name, value in _charge(kind, doc, hard).items():
                used[name] += value
    return used


def _kinds_of(cluster: Cluster, hard: Doc) -> Iterator[Kind]:
    wanted = {_counted(name) or "pods" for name in hard}
    wanted |= {"persistentvolumeclaims"} if "requests.storage" in hard else set()
    wanted |= {"services"} if any(name.startswith("services") for name in hard) else set()
    for home in sorted(wanted):
        found = next((kind for kind in cluster.kinds() if kind.home == home), None)
        if found is not None:
            yield found


def _counted(name: str) -> str:
    """The home whose objects a quota name counts; "" for amounts."""
    if name.startswith("count/"):
        return name.removeprefix("count/")
    return name if name in _PLAIN else ""


def _charge(kind: Kind, doc: Doc, hard: Doc) -> dict[str, Decimal]:
    """What one object takes of each limited amount."""
    found = {name: Decimal(1) for name in hard if _counted(name) == kind.home}
    if kind.name == "Pod" and kind.group == "":
        if (doc.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            return {name: value for name, value in found.items() if name.startswith("count/")}
        found |= {name: _asked(doc, name) for name in hard if _compute(name)}
    if kind.name == "Service" and kind.group == "":
        kinds = {"services.nodeports": ("NodePort", "LoadBalancer"), "services.loadbalancers": ("LoadBalancer",)}
        found |= {name: Decimal(1) for name in hard if (doc.get("spec") or {}).get("type") in kinds.get(name, ())}
    if kind.name == "PersistentVolumeClaim" and "requests.storage" in hard:
        requests = ((doc.get("spec") or {}).get("resources") or {}).get("requests") or {}
        found["requests.storage"] = amount(requests.get("storage", 0))
    return found


def _compute(name: str) -> bool:
    return name.removeprefix("requests.").removeprefix("limits.") in _COMPUTE


def _asked(doc: Doc, name: str) -> Decimal:
    part = "limits" if name.startswith("limits.") else "requests"
    what = name.removeprefix("requests.").removeprefix("limits.")
    total = Decimal(0)
    for container in (doc.get("spec") or {}).get("containers") or []:
        total += amount(((container.get("resources") or {}).get(part) or {}).get(what, 0))
    return total


def _must_say(kind: Kind, doc: Doc, quota: str, hard: Doc, minor: int) -> None:
    """A quota on an amount makes every container say that amount."""
    lacking: dict[str, list[str]] = {}
    for name in sorted(filter(_compute, hard)):
        part = "limits" if name.startswith("limits.") else "requests"
        what = name.removeprefix("requests.").removeprefix("limits.")
        for container in doc["spec"].get("containers") or []:
            if what not in ((container.get("resources") or {}).get(part) or {}):
                lacking.setdefault(name, []).append(container["name"])
    if lacking:
        told = (
            ",".join(lacking)
            if minor <= 20
            else "; ".join(f"{name} for: {','.join(lacking[name])}" for name in lacking)
        )
        raise forbidden("", kind.plural, doc["metadata"].get("name", ""), f"failed quota: {quota}: must specify {told}")
