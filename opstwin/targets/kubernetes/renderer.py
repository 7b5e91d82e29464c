"""What is known of a cluster's resources without asking it: manifests of workloads, what is compared, what is kept."""

from collections.abc import Callable, Sequence

from opstwin.domain.diff import FieldChange
from opstwin.domain.values import Json, Spec, TargetId, resource_id
from opstwin.domain.workload import Workload
from opstwin.manifests.difference import difference
from opstwin.manifests.generating.generator import manifests_of
from opstwin.manifests.immutable import forced_by
from opstwin.manifests.ownership import is_mark
from opstwin.manifests.patience import verdict_s
from opstwin.manifests.protocols import with_protocols
from opstwin.manifests.served import NEWEST, Served, served_by
from opstwin.manifests.volatile import without_volatile
from opstwin.targets.kubernetes.keeping import kept_form
from opstwin.targets.ports import Rendered


class KubernetesRenderer:
    """Renders for one cluster.

    `served` says what the cluster serves, None before it was asked. The writer puts what was written in one version
    into another of the same shape where only that is served.
    """

    def __init__(self, target: TargetId, namespace: str, served: Callable[[], Served | None]) -> None:
        self._target, self._namespace, self._served = target, namespace, served

    def render(self, workload: Workload) -> Sequence[Rendered]:
        """The manifests of a workload in the default namespace of the target, in the order in which they are applied.

        Raises `InvalidInput` with the field for what Kubernetes cannot do.
        """
        made = manifests_of(workload, namespace=self._namespace, served=self._served() or served_by(NEWEST))
        return [
            rendered(self._target, item.kind.lower(), item.document, namespace=item.namespace, name=item.name)
            for item in made
        ]

    def must_replace(self, kind: str, before: Spec, after: Spec) -> tuple[str, ...]:
        """The dotted fields that cannot be changed on what exists."""
        return forced_by(kind, before, after)

    def comparable(self, kind: str, spec: Spec) -> Spec:
        """`spec` as one would ask for it: without status, marks and what the cluster itself put in."""
        plain = without_volatile(kind, spec)
        metadata = plain["metadata"]
        if isinstance(metadata, dict):
            plain["metadata"] = {key: _unmarked(item) for key, item in metadata.items()}
        return plain

    def difference(self, kind: str, wanted: Spec, found: Spec) -> tuple[FieldChange, ...]:
        """What of `wanted` is otherwise there; see `opstwin.manifests.difference`."""
        return difference(kind, wanted, found)

    def checked(self, kind: str, name: str, spec: Spec) -> Spec:
        """`spec` as it is kept. Raises `InvalidInput` naming the field for what is unknown, mistyped or a secret."""
        return kept_form(kind, name, spec)

    def verdict_s(self, kind: str, spec: Spec) -> float:
        """How long a rollout may take until the cluster has said whether it does well."""
        return verdict_s(kind, spec)


def rendered(target: TargetId, kind: str, document: Spec, *, namespace: str, name: str) -> Rendered:
    """A manifest as a resource of a target; `namespace` is empty for what stands outside namespaces."""
    full = f"{namespace}/{name}" if namespace else name
    return Rendered(resource=resource_id(target, kind, full), kind=kind, name=full, spec=with_protocols(kind, document))


def _unmarked(value: Json) -> Json:
    return {key: item for key, item in value.items() if not is_mark(key, item)} if isinstance(value, dict) else value
