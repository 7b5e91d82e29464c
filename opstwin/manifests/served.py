"""Which API versions a cluster serves, as plain data that discovery fills in."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from opstwin.errors import InvalidInput

WANTED: Final[dict[str, tuple[str, ...]]] = {
    "ConfigMap": ("v1",),
    "CronJob": ("batch/v1", "batch/v1beta1"),
    "Deployment": ("apps/v1",),
    "HorizontalPodAutoscaler": ("autoscaling/v2", "autoscaling/v2beta2"),
    "Ingress": ("networking.k8s.io/v1",),
    "Job": ("batch/v1",),
    "Namespace": ("v1",),
    "NetworkPolicy": ("networking.k8s.io/v1",),
    "PersistentVolumeClaim": ("v1",),
    "PodDisruptionBudget": ("policy/v1", "policy/v1beta1"),
    "Secret": ("v1",),
    "Service": ("v1",),
    "ServiceAccount": ("v1",),
    "StatefulSet": ("apps/v1",),
}
"""Kinds that are generated → the API versions whose shape is written here, the best first."""

_SINCE: Final = {
    "autoscaling/v2": 23, "batch/v1 CronJob": 21, "policy/v1": 21,
}  # fmt: skip
_UNTIL: Final = {
    "autoscaling/v2beta2": 25, "batch/v1beta1": 24, "policy/v1beta1": 24,
}  # fmt: skip
"""Minor releases of Kubernetes 1.x that first (and last) served a version: the deprecated API migration guide."""

NEWEST: Final = (1, 37)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What one cluster serves: pairs of API version and kind, and its release as (major, minor).

    Built by discovery, or by `served_by` for a release without a cluster.
    """

    kinds: frozenset[tuple[str, str]]
    release: tuple[int, int] = NEWEST

    def best(self, kind: str) -> str | None:
        """The API version to write `kind` in: the best of those known here that is served; None when none is."""
        return next((version for version in WANTED.get(kind, ()) if (version, kind) in self.kinds), None)

    def needed(self, kind: str) -> str:
        """As `best`. Raises `InvalidInput` when the cluster serves no version that can be written."""
        version = self.best(kind)
        if version is None:
            raise InvalidInput(
                f"The cluster serves no version of {kind} that Opstwin writes.",
                field="served",
                next_step=f"Use a cluster that serves one of: {', '.join(WANTED.get(kind, ('none',)))}.",
            )
        return version


def served_by(release: Sequence[int]) -> Served:
    """What Kubernetes of this release (major, minor) serves of the kinds that are generated."""
    major, minor = release[0], release[1]
    pairs = ((version, kind) for kind, versions in WANTED.items() for version in versions)
    return Served(kinds=frozenset(_in_release(pairs, minor)), release=(major, minor))


def _in_release(pairs: Iterable[tuple[str, str]], minor: int) -> Iterable[tuple[str, str]]:
    for version, kind in pairs:
        since = _SINCE.get(f"{version} {kind}", _SINCE.get(version, 0))
        if since <= minor <= _UNTIL.get(version, minor):
            yield version, kind
