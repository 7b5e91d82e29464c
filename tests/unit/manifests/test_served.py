"""Which API version a manifest is written in depends on what the cluster serves."""

import pytest

from opstwin.errors import InvalidInput
from opstwin.manifests.served import NEWEST, WANTED, Served, served_by


@pytest.mark.parametrize(
    ("minor", "kind", "version"),
    [
        (20, "HorizontalPodAutoscaler", "autoscaling/v2beta2"), (22, "HorizontalPodAutoscaler", "autoscaling/v2beta2"),
        (23, "HorizontalPodAutoscaler", "autoscaling/v2"), (20, "PodDisruptionBudget", "policy/v1beta1"),
        (21, "PodDisruptionBudget", "policy/v1"), (20, "CronJob", "batch/v1beta1"), (21, "CronJob", "batch/v1"),
        (20, "Deployment", "apps/v1"), (20, "Ingress", "networking.k8s.io/v1"),
    ],
)  # fmt: skip
def test_each_release_serves_what_it_served(minor: int, kind: str, version: str) -> None:
    assert served_by((1, minor)).best(kind) == version


def test_the_newest_release_serves_the_best_version_of_everything() -> None:
    served = served_by(NEWEST)
    assert {kind: served.best(kind) for kind in WANTED} == {kind: versions[0] for kind, versions in WANTED.items()}
    assert ("autoscaling/v2beta2", "HorizontalPodAutoscaler") not in served.kinds


def test_what_is_not_served_is_none_or_refused_by_name() -> None:
    served = Served(kinds=frozenset({("apps/v1", "Deployment")}))
    assert served.best("CronJob") is None
    assert served.best("Widget") is None
    with pytest.raises(InvalidInput, match="CronJob"):
        served.needed("CronJob")
