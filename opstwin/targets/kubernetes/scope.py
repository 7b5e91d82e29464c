"""Which kinds of a cluster are looked at, and how much of each. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from opstwin.domain.target import Target
from opstwin.manifests.ownership import MANAGED_BY, MANAGER
from opstwin.targets.kubernetes.health import at
from opstwin.targets.kubernetes.serving import ServedKind, preference

WHOLE: Final = (
    "namespace", "node", "pod", "service", "configmap", "secret", "persistentvolumeclaim", "deployment", "statefulset",
    "daemonset", "job", "cronjob", "ingress", "horizontalpodautoscaler", "poddisruptionbudget", "networkpolicy",
)  # fmt: skip
"""Kinds of which everything is reflected."""

NOISE: Final = frozenset({
    "binding", "componentstatus", "controllerrevision", "endpoints", "endpointslice", "event", "flowschema", "lease",
    "podtemplate", "prioritylevelconfiguration", "replicaset", "replicationcontroller",
})  # fmt: skip
"""Kinds that the cluster writes for itself, all the time; nobody asks for them."""

HOME: Final = "default"
"""Where things go when neither they nor the target's settings say it."""

SETS: Final = "replicaset"
"""Listed whole and not shown: they say which pods are of a Deployment's newest template."""

OURS: Final = {"labelSelector": f"{MANAGED_BY}={MANAGER}"}
"""Of all other kinds only what Opstwin made is reflected."""

_NOT_SHOWN: Final = frozenset({
    "bootstrap.kubernetes.io/token", "helm.sh/release.v1", "kubernetes.io/service-account-token",
})  # fmt: skip
_ROOT_CERTIFICATE: Final = "kube-root-ca.crt"


@dataclass(frozen=True, slots=True)
class Scope:
    """What of a cluster is looked at. `namespaces` empty means all; `more` are kinds that are reflected whole too.

    `home` is the namespace of what names none.
    """

    namespaces: tuple[str, ...] = ()
    more: frozenset[str] = frozenset()
    home: str = HOME

    @classmethod
    def of(cls, target: Target) -> "Scope":
        """What a target's settings say: `namespaces` and `kinds`, separated by commas, and `namespace`."""
        return cls(
            namespaces=tuple(_words(target.settings.get("namespaces", ""))),
            more=frozenset(word.lower() for word in _words(target.settings.get("kinds", ""))),
            home=target.settings.get("namespace") or HOME,
        )

    def kinds(self, served: Iterable[ServedKind]) -> Sequence[ServedKind]:
        """The kinds to list, each in its best version."""
        best: dict[str, ServedKind] = {}
        for item in served:
            if "list" not in item.verbs or (item.kind in NOISE and item.kind not in self.more):
                continue
            known = best.get(item.kind)
            if known is None or preference(item) < preference(known):
                best[item.kind] = item
        return [item for item in best.values() if item.namespaced or not self.namespaces or self._is_whole(item.kind)]

    def query(self, kind: str) -> Mapping[str, str]:
        """What narrows the list of a kind."""
        return {} if self._is_whole(kind) or kind == SETS else OURS

    def places(self, kind: ServedKind) -> Sequence[str]:
        """The namespaces in which a kind is listed one by one; one empty name stands for all at once."""
        return self.namespaces if kind.namespaced and self.namespaces else ("",)

    def watched(self, served: Iterable[ServedKind]) -> Sequence[ServedKind]:
        """The kinds of which every change is followed."""
        return [item for item in self.kinds(served) if self._is_whole(item.kind) and "watch" in item.verbs]

    def _is_whole(self, kind: str) -> bool:
        return kind in WHOLE or kind in self.more


def is_shown(kind: str, item: Mapping[str, Any]) -> bool:
    """Whether an object is worth a row: what the cluster keeps for itself in Secrets and ConfigMaps is not."""
    if kind == "secret":
        return item.get("type") not in _NOT_SHOWN
    return not (kind == "configmap" and at(item, "metadata", "name") == _ROOT_CERTIFICATE)


def _words(text: str) -> list[str]:
    return [word for part in text.split(",") if (word := part.strip())]
