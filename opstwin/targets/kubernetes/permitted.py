"""What the hub's account may do on a cluster, kind by kind: the cluster is asked about each verb."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from opstwin.targets.kubernetes.rights import Need, Rights
from opstwin.targets.kubernetes.scope import SETS, Scope
from opstwin.targets.kubernetes.serving import ServedKind
from opstwin.targets.ports import Permission

_SEES: Final = ("list", "watch")
_CHANGES: Final = ("get", "create", "patch", "delete")
_UNCHANGED: Final = frozenset({"node", "pod"})
"""The cluster's own, and what workloads make of themselves: no plan asks for them."""

_METRICS: Final = "metrics.k8s.io"
_ORDER: Final = (*_SEES, *_CHANGES)


async def permitted(rights: Rights, scope: Scope, served: Sequence[ServedKind]) -> Sequence[Permission]:
    """What may be done of all that Opstwin does on a cluster. Raises `TargetError` when the cluster does not say."""
    needs = [*dict.fromkeys(_needs(scope, served))]
    lacking = frozenset(await rights.lacking(needs))
    rows: dict[tuple[str, str], list[Need]] = defaultdict(list)
    for need in needs:
        rows[need.what, need.namespace].append(need)
    return [
        Permission(
            what=what, namespace=namespace, may=_verbs(item for item in asked if item not in lacking),
            lacks=_verbs(item for item in asked if item in lacking),
        )
        for (what, namespace), asked in rows.items()
    ]  # fmt: skip


def _needs(scope: Scope, served: Sequence[ServedKind]) -> Iterator[Need]:
    kinds = sorted((item for item in scope.watched(served)), key=lambda item: (item.group, item.plural))
    homes = scope.namespaces or (scope.home,)
    for kind in kinds:
        yield from _each(kind, _SEES, scope.places(kind))
        if kind.kind not in _UNCHANGED:
            yield from _each(kind, _CHANGES, homes if kind.namespaced else ("",))
    for kind in served:
        if kind.kind == "event" and not kind.group:
            yield from _each(kind, _SEES, scope.places(kind))
        if kind.kind == SETS:
            yield from _each(kind, ("list",), scope.places(kind))
    for namespace in homes:
        yield Need("get", "", "pods", namespace, "log")
        yield Need("create", "", "pods", namespace, "exec")
    yield from _usage(served)


def _usage(served: Sequence[ServedKind]) -> Iterator[Need]:
    """What pods use: from the metrics API where it is served, else from the kubelets."""
    if any(item.group == _METRICS for item in served):
        yield Need("list", _METRICS, "pods", "")
    else:
        yield Need("get", "", "nodes", "", "proxy")


def _each(kind: ServedKind, verbs: Sequence[str], namespaces: Sequence[str]) -> Iterator[Need]:
    return (Need(verb, kind.group, kind.plural, namespace) for namespace in namespaces for verb in verbs)


def _verbs(needs: Iterable[Need]) -> tuple[str, ...]:
    return tuple(sorted((item.verb for item in needs), key=_ORDER.index))
