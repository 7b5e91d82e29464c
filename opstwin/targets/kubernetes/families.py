"""Which pods belong to which workload, and which of them to its newest template. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from opstwin.targets.kubernetes.health import at
from opstwin.targets.kubernetes.sightings import full_name, maker_of, newest_template, template_of

Object = Mapping[str, Any]


class Families:
    """The pods and ReplicaSets of one look at a cluster, by the workload that made them."""

    def __init__(self, pods: Iterable[Object], replica_sets: Iterable[Object]) -> None:
        self._pods: dict[tuple[str, str], list[Object]] = defaultdict(list)
        self._sets: dict[str, list[Object]] = defaultdict(list)
        for pod in pods:
            maker = maker_of(pod)
            if maker is not None:
                self._pods[maker].append(pod)
        for item in replica_sets:
            owners = at(item, "metadata", "ownerReferences") or ()
            for owner in owners:
                self._sets[str(owner.get("uid"))].append(item)

    def newest(self, kind: str, item: Object) -> Sequence[Object]:
        """The pods of a workload that are of its newest template."""
        pods = self._pods.get((kind, full_name(item)), [])
        return newest(kind, item, pods, self._sets.get(str(at(item, "metadata", "uid")), ()))


def newest(kind: str, item: Object, pods: Sequence[Object], replica_sets: Sequence[Object]) -> Sequence[Object]:
    """Those of `pods` that are of the template that is wanted now; all where that cannot be told."""
    template = newest_template(kind, item, replica_sets)
    return pods if template is None else [pod for pod in pods if template_of(pod) == template]


def selector_of(item: Object) -> str:
    """A workload's selector as a query; empty for one that has none, or one that cannot be written so."""
    selector = at(item, "spec", "selector") or {}
    wanted = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for rule in selector.get("matchExpressions") or ():
        key, values = rule.get("key"), ",".join(map(str, rule.get("values") or ()))
        forms = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": f"{key}",
                 "DoesNotExist": f"!{key}"}  # fmt: skip
        wanted.append(forms.get(str(rule.get("operator")), ""))
    return ",".join(filter(None, wanted))
